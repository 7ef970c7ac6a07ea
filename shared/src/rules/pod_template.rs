//! `podTemplate`, of the cluster and of its JobManager and TaskManagers.

use std::collections::BTreeSet;
use std::fmt;

use k8s_openapi::api::core::v1::PodSpec;
use kube::core::ObjectMeta;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::report::Findings;
use super::subject::{Deployment, Place};
use super::table::{CLUSTERS, Cause, Check, Rule, Severity};
use super::{fields, image, resources, shape};
use crate::config::Amount;
use crate::nearest::nearest;

/// The container in which Flink runs (Flink's `Constants.MAIN_CONTAINER_NAME`).
pub(super) const MAIN_CONTAINER: &str = "flink-main-container";
/// Findings of one rule on one template.
const MOST_FINDINGS: usize = 20;
/// Lists of containers in a pod.
const CONTAINER_LISTS: [&str; 2] = ["containers", "initContainers"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "pod-template-type",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::TypeInvalid),
        what: "A pod template is a Pod of the Kubernetes API",
        why: "Kubernetes would refuse the pod",
        fix: "write a value of the right type; `kubectl explain pod.spec` shows the fields",
        since: "0.1",
        check: Check::Deployment(fields_have_their_types),
    },
    Rule {
        code: "pod-template-field-unknown",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "A pod template has no other fields than a Pod of the Kubernetes API",
        why: "An unknown field is ignored, and nothing says so",
        fix: "remove the field; `kubectl explain pod.spec` shows those that there are",
        since: "0.1",
        check: Check::Deployment(fields_are_known),
    },
    Rule {
        code: "pod-template-name",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "Containers and volumes of a pod template have names of their own, of at most 63 lower-case letters, digits and '-'",
        why: "Kubernetes would refuse the pod",
        fix: "choose another name, such as my-sidecar",
        since: "0.1",
        check: Check::Deployment(names_are_valid),
    },
    Rule {
        code: "pod-template-quantity",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "Requests and limits in a pod template are Kubernetes quantities of 0 or more, and no request is above its limit",
        why: "Kubernetes would refuse the pod",
        fix: "write a Kubernetes quantity, such as \"500m\", \"2\" or \"1Gi\"",
        since: "0.1",
        check: Check::Deployment(quantities_are_valid),
    },
    Rule {
        code: "pod-template-image",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "Images in a pod template are image references",
        why: "The pod would never start",
        fix: "write a reference such as registry.example.com/team/image:1.0",
        since: "0.1",
        check: Check::Deployment(images_are_references),
    },
    Rule {
        code: "pod-template-main-container",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "The container for Flink itself is named flink-main-container in a pod template",
        why: "A container of any other name runs beside Flink",
        fix: "name the container flink-main-container if it is to change Flink's own",
        since: "0.1",
        check: Check::Deployment(main_container_is_spelt_right),
    },
    Rule {
        code: "pod-template-resources-ignored",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "cpu and memory of flink-main-container are set by jobManager and taskManager, not in a pod template",
        why: "Flink derives them from its own configuration and overwrites those of the template",
        fix: "set resource or resources of jobManager and taskManager",
        since: "0.1",
        check: Check::Deployment(main_container_has_no_amounts),
    },
];

/// A Pod, as far as templates go. `status` and the rest of what kubectl prints is no mistake.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Template {
    #[serde(rename = "apiVersion")]
    _api_version: Option<String>,
    #[serde(rename = "kind")]
    _kind: Option<String>,
    #[serde(rename = "metadata")]
    _metadata: Option<ObjectMeta>,
    #[serde(rename = "spec")]
    _spec: Option<PodSpec>,
    #[serde(rename = "status")]
    _status: Option<Value>,
}

/// A template and its path.
struct Written<'a> {
    path: Place,
    value: &'a Value,
}

fn templates<'a>(subject: &Deployment<'a>) -> impl Iterator<Item = Written<'a>> + use<'a> {
    let spec = subject.spec;
    [
        (subject.place("podTemplate"), spec.pod_template.as_ref()),
        (
            subject.place("jobManager.podTemplate"),
            spec.job_manager.as_ref().and_then(|jm| jm.pod_template.as_ref()),
        ),
        (
            subject.place("taskManager.podTemplate"),
            spec.task_manager.as_ref().and_then(|tm| tm.pod_template.as_ref()),
        ),
    ]
    .into_iter()
    .filter_map(|(path, template)| {
        let value = &template?.0;
        (!value.is_null()).then_some(Written { path, value })
    })
}

impl<'a> Written<'a> {
    /// Path and members of the maps in the list `spec.<list>`.
    fn elements(&self, list: &'static str) -> impl Iterator<Item = (Element, &'a Map<String, Value>)> + use<'a> {
        let template = self.path;
        let elements = self.value.get("spec").and_then(|spec| spec.get(list));
        elements
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
            .filter_map(move |(index, element)| Some((Element { template, list, index }, element.as_object()?)))
    }

    fn containers(&self) -> impl Iterator<Item = (Element, &'a Map<String, Value>)> {
        CONTAINER_LISTS.into_iter().flat_map(|list| self.elements(list))
    }
}

/// An element of a list in a template's spec.
#[derive(Clone, Copy)]
struct Element {
    template: Place,
    list: &'static str,
    index: usize,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.spec.{}[{}]", self.template, self.list, self.index)
    }
}

/// What a template is as a Pod, for the two rules that ask.
#[derive(Debug)]
pub(super) struct AsPod {
    fits: bool,
    unknown: Vec<fields::UnknownField>,
}

/// The templates, and what each is as a Pod.
fn pods<'s>(subject: &'s Deployment<'_>) -> impl Iterator<Item = (Written<'s>, &'s AsPod)> {
    let pods = subject.pods.get_or_init(|| {
        let of_template = |template: Written<'_>| {
            let (read, unknown) = fields::read::<Template>(template.value);
            AsPod {
                fits: read.is_ok(),
                unknown,
            }
        };
        templates(subject).map(of_template).collect()
    });
    templates(subject).zip(pods)
}

fn fields_have_their_types(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for (template, _) in pods(subject).filter(|(_, pod)| !pod.fits) {
        let (_, misfits) = shape::read::<Template>(template.value);
        for misfit in misfits {
            let path = if misfit.path.is_empty() {
                template.path.to_string()
            } else {
                format!("{}.{}", template.path, misfit.path)
            };
            findings.add(path, misfit.message);
        }
    }
}

fn fields_are_known(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for (template, pod) in pods(subject) {
        for field in pod.unknown.iter().take(MOST_FINDINGS) {
            let path = format!("{}.{}", template.path, field.path());
            let message = format!("a Pod has no field \"{}\" here", field.name);
            match field.meant {
                Some(meant) => findings.add_with_fix(path, message, format!("write {meant} if that is meant")),
                None => findings.add(path, message),
            }
        }
    }
}

/// What is wrong with `name` as an RFC 1123 label, or `None`.
fn label_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("is empty")
    } else if name.len() > 63 {
        Some("is longer than 63 characters")
    } else if name.starts_with('-') || name.ends_with('-') {
        Some("begins or ends with '-'")
    } else if !name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        Some("holds other characters than lower-case letters, digits and '-'")
    } else {
        None
    }
}

fn names_are_valid(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for template in templates(subject) {
        let mut containers = BTreeSet::new();
        let mut volumes = BTreeSet::new();
        for list in ["containers", "initContainers", "volumes"] {
            let names = if list == "volumes" {
                &mut volumes
            } else {
                &mut containers
            };
            for (path, element) in template.elements(list) {
                // An element without a name may get one where templates are merged.
                let Some(name) = element.get("name").and_then(Value::as_str) else {
                    continue;
                };
                let path = || format!("{path}.name");
                if let Some(problem) = label_problem(name) {
                    findings.add_value(
                        path(),
                        name,
                        format!("the name \"{name}\" {problem}"),
                        "choose another name, such as my-sidecar",
                    );
                } else if !names.insert(name) {
                    findings.add_value(
                        path(),
                        name,
                        format!("the name \"{name}\" stands twice"),
                        "give each a name of its own",
                    );
                }
            }
        }
    }
}

/// The text of a quantity: a string, or a number.
fn quantity_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn quantities_are_valid(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for template in templates(subject) {
        for (path, container) in template.containers() {
            let Some(resources) = container.get("resources") else {
                continue;
            };
            let amounts = |section: &str| {
                let members = resources.get(section).and_then(Value::as_object);
                members
                    .into_iter()
                    .flatten()
                    .filter_map(|(name, value)| Some((name.as_str(), quantity_text(value)?)))
            };
            for section in ["requests", "limits"] {
                for (name, text) in amounts(section) {
                    check_quantity(format_args!("{path}.resources.{section}.{name}"), &text, findings);
                }
            }
            for (name, request) in amounts("requests") {
                let limit = amounts("limits").find(|(other, _)| *other == name);
                if let Some((_, limit)) = limit
                    && let (Ok(a), Ok(b)) = (request.parse::<Amount>(), limit.parse::<Amount>())
                    && a > b
                {
                    findings.add_value(
                        format!("{path}.resources.requests.{name}"),
                        request.as_str(),
                        format!("the {name} request of \"{request}\" is above its limit of \"{limit}\""),
                        "lower the request or raise the limit",
                    );
                }
            }
        }
        for (path, volume) in template.elements("volumes") {
            if let Some(text) = volume
                .get("emptyDir")
                .and_then(|volume| volume.get("sizeLimit"))
                .and_then(quantity_text)
            {
                check_quantity(format_args!("{path}.emptyDir.sizeLimit"), &text, findings);
            }
        }
    }
}

fn check_quantity(path: fmt::Arguments<'_>, text: &str, findings: &mut Findings<'_>) {
    let problem = match text.parse::<Amount>() {
        Err(_) => "is no quantity",
        Ok(amount) if amount.is_negative() => "is negative",
        Ok(_) => return,
    };
    findings.add_value(
        path.to_string(),
        text,
        format!("\"{text}\" {problem}"),
        "write a Kubernetes quantity, such as \"500m\", \"2\" or \"1Gi\"",
    );
}

fn images_are_references(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for template in templates(subject) {
        for (path, container) in template.containers() {
            if let Some(text) = container.get("image").and_then(Value::as_str)
                && let Some(problem) = image::problem(text)
            {
                findings.add_value(
                    format!("{path}.image"),
                    text,
                    format!("the image \"{text}\" {problem}"),
                    "write a reference such as registry.example.com/team/image:1.0",
                );
            }
        }
    }
}

fn main_container_is_spelt_right(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for template in templates(subject) {
        for (path, container) in template.elements("containers") {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            if name != MAIN_CONTAINER && nearest(name, [MAIN_CONTAINER]).is_some() {
                findings.add(
                    format!("{path}.name"),
                    format!("\"{name}\" runs beside Flink, whose own container is {MAIN_CONTAINER}"),
                );
            }
        }
    }
}

fn main_container_has_no_amounts(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for template in templates(subject) {
        for (path, container) in template.elements("containers") {
            if container.get("name").and_then(Value::as_str) != Some(MAIN_CONTAINER) {
                continue;
            }
            for section in ["requests", "limits"] {
                let amounts = container.get("resources").and_then(|resources| resources.get(section));
                for name in ["cpu", "memory"] {
                    let Some(written) = amounts.and_then(|amounts| amounts.get(name)) else {
                        continue;
                    };
                    let far = (name == "memory")
                        .then(|| far_from_flinks(subject, &template, written))
                        .flatten();
                    let message = match far {
                        Some(far) => far,
                        None => format!("Flink overwrites the {name} of its own container"),
                    };
                    findings.add(format!("{path}.resources.{section}.{name}"), message);
                }
            }
        }
    }
}

/// What pods of `template` get instead of `written` memory, where one is more than half as much again as the other.
fn far_from_flinks(subject: &Deployment<'_>, template: &Written<'_>, written: &Value) -> Option<String> {
    let text = quantity_text(written)?;
    let amount = u128::from(text.parse::<Amount>().ok()?.ceil()?);
    let gets: Vec<String> = resources::process_sizes(subject)
        .into_iter()
        .filter(|(name, _)| match *name {
            "JobManager" => !template.path.field.starts_with("taskManager."),
            _ => !template.path.field.starts_with("jobManager."),
        })
        .filter_map(|(name, size)| {
            let size = size?;
            let bytes = u128::from(size.bytes());
            (amount * 2 > bytes * 3 || bytes * 2 > amount * 3).then(|| format!("{name} {}Mi", size.mebibytes()))
        })
        .collect();
    (!gets.is_empty()).then(|| {
        format!(
            "the container gets Flink's process memory ({}), not {text}",
            gets.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a", true)]
    #[case("0-a", true)]
    #[case("-a", false)]
    #[case("a-", false)]
    #[case("A", false)]
    #[case("a.b", false)]
    #[case("", false)]
    fn labels(#[case] name: &str, #[case] valid: bool) {
        assert_eq!(label_problem(name).is_none(), valid);
    }
}
