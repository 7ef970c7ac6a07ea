//! Codes that users see and that no rule of the table has: of validators of the user's own, and of policies that are none.

/// A validator of the user's own gave no answer.
pub const EXTENSION_FAILED: &str = "extension-failed";
/// A policy is not what a policy has to be.
pub const POLICY_INVALID: &str = "policy-invalid";
/// An expression of a policy cannot be asked.
pub const POLICY_EXPRESSION: &str = "policy-expression";
/// What codes of the rules of a `ClusterFlinkPolicy` begin with; name of the policy and of the rule follow.
pub const CLUSTER_POLICY: &str = "policy";
/// The same for a `FlinkPolicy`: one of a namespace may have the name of one of the cluster.
pub const NAMESPACE_POLICY: &str = "namespace-policy";

/// What there is to say of a code.
#[derive(Debug)]
pub struct Code {
    /// The code.
    pub code: &'static str,
    /// Where it stands.
    pub severity: &'static str,
    /// What it means.
    pub what: &'static str,
    /// Why it is so.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// All of them.
pub const ALL: &[Code] = &[
    Code {
        code: EXTENSION_FAILED,
        severity: "violation or warning",
        what: "Every policy and plugin that is asked about a resource answers",
        why: "One that must agree and cannot be asked refuses, unless its failurePolicy lets pass with this warning",
        fix: "ask the administrator of the cluster to look at the policy or plugin that the message names, or try again",
    },
    Code {
        code: POLICY_INVALID,
        severity: "violation",
        what: "A ClusterFlinkPolicy or FlinkPolicy has names, fields and severities as docs/policies.md says, and no more rules than fit",
        why: "A policy that cannot be used would say nothing of the resources that it is for",
        fix: "correct the field that the message names",
    },
    Code {
        code: POLICY_EXPRESSION,
        severity: "violation",
        what: "Every expression of a policy is CEL that uses the variables and functions of docs/policies.md",
        why: "Mistakes are found when the policy is written, not when a resource comes",
        fix: "correct the expression at the line and column of the message",
    },
];

/// What is known of the code of a rule that somebody in this cluster wrote; `None` for any other code.
pub(super) fn of_own_rule(code: &str) -> Option<String> {
    let (owner, rest) = code.split_once('/')?;
    let where_to_look = match (owner, rest.split_once('/')) {
        (CLUSTER_POLICY, Some((policy, rule))) => {
            format!("rule {rule} of a policy: kubectl get clusterflinkpolicy {policy} -o yaml")
        }
        (NAMESPACE_POLICY, Some((policy, rule))) => {
            format!("rule {rule} of a policy of the resource's namespace: kubectl get flinkpolicy {policy} -o yaml")
        }
        _ => format!("a finding of the plugin {owner}, whose owner can say more"),
    };
    Some(format!(
        "{code}: a rule of this cluster's own\n\nIt is {where_to_look}\n"
    ))
}
