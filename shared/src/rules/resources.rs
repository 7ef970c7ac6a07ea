//! `spec.jobManager` and `spec.taskManager`: amounts and replicas.

use super::report::Findings;
use super::subject::{Deployment, Place};
use super::table::{CLUSTERS, Cause, Check, Rule, Severity};
use crate::api::{Quantity, Resource, ResourceRequirements};
use crate::config::options::{JOB_MANAGER_PROCESS_MEMORY, TASK_MANAGER_PROCESS_MEMORY, is_ha_enabled};
use crate::config::{Amount, FlinkConfig, MemorySize, parse_memory_flink_then_kubernetes};
use crate::memory::{self, MemoryError};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "memory-missing",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Required),
        what: "JobManager and TaskManager have a memory size, from resource.memory, resources.requests.memory, resources.limits.memory or Flink's memory options",
        why: "Flink sizes the JVM's parts by it, and Kubernetes the pod",
        fix: "set resource.memory, such as \"2048m\"",
        since: "0.1",
        check: Check::Deployment(memory_is_given),
    },
    Rule {
        code: "memory-unreadable",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "resource.memory is a size in Flink's or Kubernetes' notation",
        why: "It cannot be understood otherwise",
        fix: MEMORY_FIX,
        since: "0.1",
        check: Check::Deployment(memory_is_readable),
    },
    Rule {
        code: "memory-impossible",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "Flink's memory model has a solution: the parts of the process fit into its size, and no options contradict each other",
        why: "Flink would refuse to start",
        fix: "give the process more memory, or its parts less",
        since: "0.1",
        check: Check::Deployment(memory_is_possible),
    },
    Rule {
        code: "storage-unreadable",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "resource.ephemeralStorage is a Kubernetes quantity",
        why: "It becomes request and limit of the container",
        fix: "write a Kubernetes quantity, such as \"2Gi\"",
        since: "0.1",
        check: Check::Deployment(storage_is_readable),
    },
    Rule {
        code: "quantity-unreadable",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "Every request and limit is a quantity",
        why: "Kubernetes would refuse the pod",
        fix: "write a Kubernetes quantity, such as \"500m\", \"2\" or \"1Gi\"",
        since: "0.1",
        check: Check::Deployment(quantities_are_readable),
    },
    Rule {
        code: "quantity-not-positive",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "Requests and limits of memory and CPU are above 0",
        why: "A process cannot run with none",
        fix: "write an amount above 0",
        since: "0.1",
        check: Check::Deployment(amounts_are_positive),
    },
    Rule {
        code: "quantity-negative",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "No amount is negative",
        why: "Kubernetes would refuse the pod",
        fix: "write an amount of 0 or more",
        since: "0.1",
        check: Check::Deployment(amounts_are_not_negative),
    },
    Rule {
        code: "request-above-limit",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "Requests of memory and CPU are not above their limits",
        why: "Kubernetes would refuse the pod",
        fix: "lower the request or raise the limit",
        since: "0.1",
        check: Check::Deployment(requests_are_within_limits),
    },
    Rule {
        code: "replicas-invalid",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "replicas is 1 or more",
        why: "A cluster needs a JobManager and a TaskManager; a job is stopped by job.state: suspended",
        fix: "set replicas to 1 or more, or remove it; to stop the job set job.state: suspended",
        since: "0.1",
        check: Check::Deployment(replicas_are_positive),
    },
    Rule {
        code: "standby-needs-ha",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Forbidden),
        what: "High availability is on where jobManager.replicas is above 1",
        why: "Without it every JobManager would lead",
        fix: "set high-availability.type: kubernetes and high-availability.storageDir, or jobManager.replicas: 1",
        since: "0.1",
        check: Check::Deployment(standby_has_ha),
    },
    Rule {
        code: "resource-ignored",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "Only one of resource and resources is given",
        why: "resources wins, and resource is ignored",
        fix: "remove resource",
        since: "0.1",
        check: Check::Deployment(resource_is_not_ignored),
    },
];

const MEMORY_FIX: &str =
    "write a size such as \"2048m\" or \"2g\" (powers of 1024), or a Kubernetes quantity such as \"2Gi\"";
const MEMORY: &str = "memory";
const CPU: &str = "cpu";

/// A JobManager or the TaskManagers.
struct Component<'a> {
    /// For people.
    name: &'static str,
    /// Path of its part of the spec.
    path: Place,
    resource: Option<&'a Resource>,
    resources: Option<&'a ResourceRequirements>,
    replicas: Option<i32>,
    /// The option that the memory size goes into.
    process_memory: &'static str,
    /// Size of the process by Flink's memory model.
    model: fn(&FlinkConfig) -> Result<MemorySize, MemoryError>,
}

fn components<'a>(subject: &Deployment<'a>) -> [Component<'a>; 2] {
    let (jm, tm) = (subject.spec.job_manager.as_ref(), subject.spec.task_manager.as_ref());
    [
        Component {
            name: "JobManager",
            path: subject.place("jobManager"),
            resource: jm.and_then(|c| c.resource.as_ref()),
            resources: jm.and_then(|c| c.resources.as_ref()),
            replicas: jm.and_then(|c| c.replicas),
            process_memory: JOB_MANAGER_PROCESS_MEMORY.key,
            model: |config| memory::job_manager(config).map(|memory| memory.total_process()),
        },
        Component {
            name: "TaskManager",
            path: subject.place("taskManager"),
            resource: tm.and_then(|c| c.resource.as_ref()),
            resources: tm.and_then(|c| c.resources.as_ref()),
            replicas: tm.and_then(|c| c.replicas),
            process_memory: TASK_MANAGER_PROCESS_MEMORY.key,
            model: |config| memory::task_manager(config).map(|memory| memory.total_process()),
        },
    ]
}

/// A request or a limit.
struct Amounted<'a> {
    component: Place,
    section: &'static str,
    name: &'a str,
    quantity: &'a Quantity,
}

impl Amounted<'_> {
    fn path(&self) -> String {
        format!("{}.resources.{}.{}", self.component, self.section, self.name)
    }
}

impl Component<'_> {
    /// Requests, then limits.
    fn quantities(&self) -> impl Iterator<Item = Amounted<'_>> {
        let sections = self
            .resources
            .map(|r| [("requests", r.requests.as_ref()), ("limits", r.limits.as_ref())]);
        let component = self.path;
        sections.into_iter().flatten().flat_map(move |(section, amounts)| {
            amounts.into_iter().flatten().map(move |(name, quantity)| Amounted {
                component,
                section,
                name,
                quantity,
            })
        })
    }

    /// The memory size that counts, and where it stands: a request before a limit, and the short form only where the
    /// long one is empty.
    fn memory(&self) -> Option<(&str, MemoryPlace<'_>)> {
        if self.quantities().next().is_some() {
            return self
                .quantities()
                .find(|amount| amount.name == MEMORY)
                .map(|amount| (amount.quantity.0.as_str(), MemoryPlace::Long(amount)));
        }
        let text = self
            .resource?
            .memory
            .as_deref()
            .filter(|text| !text.trim().is_empty())?;
        Some((text, MemoryPlace::Short(self.path)))
    }

    /// What Flink's memory model says of `config`; `None` where the size cannot be read, which is refused elsewhere.
    fn process_size(&self, config: &FlinkConfig) -> Option<Result<MemorySize, MemoryError>> {
        let Some((text, _)) = self.memory() else {
            return Some((self.model)(config));
        };
        // Of none at all among the long form's amounts another rule speaks.
        let is_long = self.quantities().next().is_some();
        let size = parse_memory_flink_then_kubernetes(text)
            .ok()
            .filter(|size| !is_long || *size > MemorySize::ZERO)?;
        let mut config = config.clone();
        config.set(self.process_memory, size.to_string());
        Some((self.model)(&config))
    }
}

/// Where a memory size stands.
enum MemoryPlace<'a> {
    /// Among `resources`.
    Long(Amounted<'a>),
    /// In `resource` of this component.
    Short(Place),
}

impl MemoryPlace<'_> {
    fn path(&self) -> String {
        match self {
            Self::Long(amount) => amount.path(),
            Self::Short(component) => format!("{component}.resource.memory"),
        }
    }
}

/// Memory of the processes of JobManager and TaskManager, which are the sizes of their containers; none where there is no
/// such size, which is refused elsewhere.
pub(super) fn process_sizes(subject: &Deployment<'_>) -> [(&'static str, Option<MemorySize>); 2] {
    components(subject).map(|component| {
        let size = component.process_size(&subject.config);
        (component.name, size.and_then(Result::ok))
    })
}

/// The components of which Flink's memory model says something. Worked out once for the rules that ask.
fn memory_errors<'s>(subject: &'s Deployment<'_>) -> impl Iterator<Item = (Component<'s>, &'s MemoryError)> {
    let errors = subject
        .memory_errors
        .get_or_init(|| components(subject).map(|component| component.process_size(&subject.config)?.err()));
    let of_component = components(subject).into_iter().zip(errors);
    of_component.filter_map(|(component, error)| Some((component, error.as_ref()?)))
}

fn memory_is_given(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for (component, error) in memory_errors(subject) {
        if !matches!(error, MemoryError::NotConfigured { .. }) {
            continue;
        }
        if component.quantities().next().is_some() {
            findings.add_with_fix(
                format!("{}.resources.requests.memory", component.path),
                format!("the {} has no memory size among its resources", component.name),
                format!("set {}.resources.requests.memory, such as \"2048m\"", component.path),
            );
        } else {
            findings.add_with_fix(
                format!("{}.resource.memory", component.path),
                format!("the {} has no memory size", component.name),
                format!("set {}.resource.memory, such as \"2048m\"", component.path),
            );
        }
    }
}

fn memory_is_possible(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for (component, error) in memory_errors(subject) {
        // Missing and unreadable values are refused elsewhere.
        if matches!(error, MemoryError::NotConfigured { .. } | MemoryError::Option(_)) {
            continue;
        }
        let path = match component.memory() {
            Some((_, place)) if error.key() == component.process_memory => place.path(),
            _ => subject.config_path(error.key()),
        };
        findings.add_with_fix(
            path,
            format!("the {} cannot start: {error}", component.name),
            error.fix(),
        );
    }
}

fn memory_is_readable(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for component in components(subject) {
        let Some(text) = component.resource.and_then(|r| r.memory.as_deref()) else {
            continue;
        };
        // A blank one is missing rather than unreadable.
        if !text.trim().is_empty() && parse_memory_flink_then_kubernetes(text).is_err() {
            findings.add_value(
                format!("{}.resource.memory", component.path),
                text,
                format!("the {}'s memory \"{text}\" is no size", component.name),
                MEMORY_FIX,
            );
        }
    }
}

fn storage_is_readable(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for component in components(subject) {
        let Some(text) = component.resource.and_then(|r| r.ephemeral_storage.as_deref()) else {
            continue;
        };
        if text.parse::<Amount>().is_err() {
            findings.add_value(
                format!("{}.resource.ephemeralStorage", component.path),
                text,
                format!("the {}'s ephemeral storage \"{text}\" is no quantity", component.name),
                "write a Kubernetes quantity, such as \"2Gi\"",
            );
        }
    }
}

/// What is to be compared: bytes for memory, units of the resource otherwise.
#[derive(PartialEq, PartialOrd)]
enum Read {
    Memory(MemorySize),
    Other(Amount),
}

/// Memory is read in Flink's notation first, everything else in Kubernetes'.
fn read(name: &str, quantity: &Quantity) -> Option<Read> {
    if name == MEMORY {
        parse_memory_flink_then_kubernetes(&quantity.0).ok().map(Read::Memory)
    } else {
        quantity.0.parse().ok().map(Read::Other)
    }
}

fn is_negative(quantity: &Quantity) -> bool {
    quantity.0.parse::<Amount>().is_ok_and(Amount::is_negative)
}

fn quantities_are_readable(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for component in components(subject) {
        for amount in component.quantities() {
            let (name, quantity) = (amount.name, amount.quantity);
            if read(name, quantity).is_none() && !is_negative(quantity) {
                let fix = if name == MEMORY {
                    MEMORY_FIX
                } else {
                    "write a Kubernetes quantity, such as \"500m\", \"2\" or \"1Gi\""
                };
                findings.add_value(
                    amount.path(),
                    &quantity.0,
                    format!("\"{}\" is no quantity", quantity.0),
                    fix,
                );
            }
        }
    }
}

fn amounts_are_positive(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for component in components(subject) {
        for amount in component.quantities() {
            let (name, quantity) = (amount.name, amount.quantity);
            let wrong = match read(name, quantity) {
                Some(Read::Memory(size)) => size == MemorySize::ZERO,
                Some(Read::Other(amount)) => name == CPU && !amount.is_positive(),
                None => name == MEMORY && is_negative(quantity),
            };
            if wrong {
                findings.add_value(
                    amount.path(),
                    &quantity.0,
                    format!("the {}'s {name} of \"{}\" is not above 0", component.name, quantity.0),
                    "write an amount above 0",
                );
            }
        }
    }
}

fn amounts_are_not_negative(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let fix = "write an amount of 0 or more";
    for component in components(subject) {
        for amount in component.quantities() {
            let (name, quantity) = (amount.name, amount.quantity);
            if name != CPU && name != MEMORY && is_negative(quantity) {
                let message = format!("the {}'s {name} of \"{}\" is negative", component.name, quantity.0);
                findings.add_value(amount.path(), &quantity.0, message, fix);
            }
        }
        if let Some(cpu) = component.resource.and_then(|r| r.cpu).filter(|cpu| *cpu < 0.0) {
            let message = format!("the {}'s cpu of {cpu} is negative", component.name);
            findings.add_value(
                format!("{}.resource.cpu", component.path),
                cpu.to_string(),
                message,
                fix,
            );
        }
        if let Some(text) = component.resource.and_then(|r| r.ephemeral_storage.as_deref())
            && is_negative(&Quantity(text.to_owned()))
        {
            let message = format!("the {}'s ephemeral storage of \"{text}\" is negative", component.name);
            findings.add_value(
                format!("{}.resource.ephemeralStorage", component.path),
                text,
                message,
                fix,
            );
        }
    }
}

fn requests_are_within_limits(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for component in components(subject) {
        let Some(resources) = component.resources else { continue };
        for name in [CPU, MEMORY] {
            let amount = |amounts: &'_ Option<std::collections::BTreeMap<String, Quantity>>| {
                amounts.as_ref().and_then(|amounts| amounts.get(name)).cloned()
            };
            let (Some(request), Some(limit)) = (amount(&resources.requests), amount(&resources.limits)) else {
                continue;
            };
            if let (Some(a), Some(b)) = (read(name, &request), read(name, &limit))
                && a > b
            {
                findings.add_value(
                    format!("{}.resources.requests.{name}", component.path),
                    &request.0,
                    format!(
                        "the {}'s {name} request of \"{}\" is above its limit of \"{}\"",
                        component.name, request.0, limit.0
                    ),
                    "lower the request or raise the limit",
                );
            }
        }
    }
}

fn replicas_are_positive(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for component in components(subject) {
        if let Some(replicas) = component.replicas.filter(|replicas| *replicas < 1) {
            findings.add_value(
                format!("{}.replicas", component.path),
                replicas.to_string(),
                format!("the {} has {replicas} replicas", component.name),
                "set replicas to 1 or more, or remove it; to stop the job set job.state: suspended",
            );
        }
    }
}

fn standby_has_ha(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if let Some(replicas) = subject.spec.job_manager.as_ref().and_then(|jm| jm.replicas)
        && replicas > 1
        && is_ha_enabled(&subject.config) != Ok(true)
    {
        findings.add_value(
            subject.path("jobManager.replicas"),
            replicas.to_string(),
            format!("there are {replicas} JobManagers, but high availability is off"),
            "set high-availability.type: kubernetes and high-availability.storageDir, or jobManager.replicas: 1",
        );
    }
}

fn resource_is_not_ignored(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for component in components(subject) {
        if component.resource.is_some_and(|r| *r != Resource::default()) && component.quantities().next().is_some() {
            findings.add(
                format!("{}.resource", component.path),
                format!("the {} has resources too, so resource is ignored", component.name),
            );
        }
    }
}
