//! Rules of the user's own on a real cluster: written with kubectl, in force moments later, gone when deleted.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::{self, Output, apply, kubectl, run};
use sluice_e2e::fixtures::tiny;
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Outcome, sluice};

/// Until a policy that is stored is in force: the time of a watch.
const IN_FORCE: Duration = Duration::from_secs(10);

fn policy(kind: &str, name: &str, spec: &Value) -> String {
    json!({ "apiVersion": "sluice.flink.apache.org/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec })
        .to_string()
}

/// kubectl's answer to a server-side dry run of the tiny job, with what would be stored.
async fn dry_run(namespace: &str) -> Outcome<Output> {
    command::dry_run(namespace, &tiny("ruled").to_string()).await
}

/// Waits until kubectl's answer is as `wanted` says.
async fn answered(namespace: &str, what: &str, wanted: impl Fn(&Output) -> bool) -> Outcome<Output> {
    let (output, _) = until(what, IN_FORCE, || async {
        let output = dry_run(namespace).await?;
        Ok(if wanted(&output) {
            Seen::Yes(output)
        } else {
            Seen::NotYet(format!("{}{}", output.stderr, output.stdout))
        })
    })
    .await?;
    Ok(output)
}

#[tokio::test]
async fn a_policy_denies_warns_fills_in_and_goes() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "policies").await?;
    let other = TestNamespace::create(&client, "policies-other").await?;
    let spec = |severity: &str| {
        json!({
            "rules": [{
                "name": "our-registry",
                "expression": "object.spec.image.startsWith('registry.example.com/')",
                "messageExpression": "'the image ' + object.spec.image + ' is not from our registry'",
                "field": "spec.image",
                "fix": "push it there",
                "severity": severity,
            }],
            "defaults": [{ "path": "metadata.labels.team", "expression": "object.metadata.namespace" }],
        })
    };
    apply(&namespace.name, &policy("FlinkPolicy", "registry", &spec("Deny")))
        .await?
        .succeeded("kubectl apply")?;
    let denied = answered(&namespace.name, "the policy to deny", |output| !output.success).await?;
    for text in [
        "the image flink:1.20 is not from our registry. Push it there.",
        "policy/registry/our-registry",
        "spec.image",
    ] {
        assert!(denied.stderr.contains(text), "{text} is not in:\n{}", denied.stderr);
    }
    let elsewhere = dry_run(&other.name).await?;
    assert!(elsewhere.success, "another namespace is refused: {}", elsewhere.stderr);

    apply(&namespace.name, &policy("FlinkPolicy", "registry", &spec("Warn")))
        .await?
        .succeeded("kubectl apply")?;
    let warned = answered(&namespace.name, "the policy to warn", |output| output.success).await?;
    assert!(warned.stderr.contains("is not from our registry"), "{}", warned.stderr);
    let created: Value = serde_json::from_str(&warned.stdout)?;
    assert_eq!(created["metadata"]["labels"]["team"], namespace.name.as_str());

    kubectl(&["--namespace", &namespace.name, "delete", "flinkpol", "registry"])
        .await?
        .succeeded("kubectl delete")?;
    let plain = answered(&namespace.name, "the policy to go", |output| {
        !output.stderr.contains("our registry")
    })
    .await?;
    let created: Value = serde_json::from_str(&plain.stdout)?;
    assert!(created["metadata"]["labels"].get("team").is_none(), "{created}");
    other.remove().await?;
    namespace.remove().await
}

#[tokio::test]
async fn a_cluster_policy_selects_by_labels_of_namespaces() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "policies-labels").await?;
    let name = format!("e2e-{}", namespace.name);
    let spec = json!({
        "match": { "namespaceSelector": { "matchLabels": { "e2e": namespace.name } } },
        "rules": [{ "name": "never", "expression": "namespaceLabels.e2e == ''", "message": "not in this namespace" }],
    });
    run(
        "kubectl",
        &["apply", "-f", "-"],
        Some(&policy("ClusterFlinkPolicy", &name, &spec)),
    )
    .await?
    .succeeded("kubectl apply")?;
    let before = dry_run(&namespace.name).await?;
    let label = format!("e2e={}", namespace.name);
    kubectl(&["label", "namespace", &namespace.name, &label])
        .await?
        .succeeded("kubectl label")?;
    let denied = answered(&namespace.name, "the label to count", |output| !output.success).await;
    // Whatever came of it, the policy must not stay for other tests.
    kubectl(&["delete", "clusterflinkpolicy", &name])
        .await?
        .succeeded("kubectl delete")?;
    assert!(before.success, "refused without the label: {}", before.stderr);
    let denied = denied?;
    assert!(denied.stderr.contains("not in this namespace"), "{}", denied.stderr);
    namespace.remove().await
}

#[tokio::test]
async fn a_policy_with_a_mistake_is_refused_with_its_place() -> Outcome {
    sluice::ensure_installed().await?;
    let spec = json!({ "rules": [{ "name": "r", "expression": "object.spec.image == 'x' &&\n  objct.spec.x" }] });
    for kind in ["ClusterFlinkPolicy", "FlinkPolicy"] {
        let output = apply("default", &policy(kind, "wrong", &spec)).await?;
        assert!(!output.success, "accepted: {}", output.stdout);
        for text in ["spec.rules[0].expression", "line 2, column 3", "did you mean `object`?"] {
            assert!(output.stderr.contains(text), "{text} is not in:\n{}", output.stderr);
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_example_is_accepted() -> Outcome {
    sluice::ensure_installed().await?;
    let example = sluice::file("docs/examples/policy.yaml")?;
    let output = command::dry_run("default", &example).await?;
    assert!(output.success, "{}", output.stderr);
    Ok(())
}
