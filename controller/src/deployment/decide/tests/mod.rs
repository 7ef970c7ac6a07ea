//! Decisions, case by case.

mod deletion;
mod deployed;
mod observed;
mod refused;

use super::*;
use crate::deployment::model::{
    Checkpoints, FlinkView, JobException, JobManager, JobManagerPod, JobOverview, NewestState, Observation, Rest,
    RestoreFrom, Source, Trouble,
};
use crate::deployment::valid::{Checked, OwnRules};
use rstest::rstest;
use serde_json::{Value, json};
use sluice_runtime::config_dir::Defaults;
use sluice_shared::api::FlinkDeployment;
use sluice_shared::api::job::UpgradeMode;
use sluice_shared::api::status::{JobManagerDeploymentStatus as JobManagerStatus, LifecycleState};

const NOW: i64 = 1_700_000_000_000;
const JOB: &str = "0123456789abcdef0123456789abcdef";
const FRESH: &str = "ffffffffffffffffffffffffffffffff";

/// A small application that every rule takes.
pub(crate) fn resource() -> FlinkDeployment {
    serde_json::from_value(json!({
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": "job", "namespace": "ns", "uid": "resource-uid", "generation": 1, "resourceVersion": "0"},
        "spec": {
            "image": "flink:1.20",
            "flinkVersion": "v1_20",
            "serviceAccount": "flink",
            "flinkConfiguration": {
                "taskmanager.numberOfTaskSlots": "2",
                "execution.checkpointing.dir": "file:///tmp/c",
                "execution.checkpointing.savepoint-dir": "file:///tmp/s"
            },
            "jobManager": {"resource": {"memory": "2048m", "cpu": 1}},
            "taskManager": {"resource": {"memory": "2048m", "cpu": 1}},
            "job": {"jarURI": "local:///opt/flink/job.jar", "parallelism": 3, "upgradeMode": "stateless"}
        }
    }))
    .expect("a resource")
}

/// One resource and what is known of it.
struct Case {
    resource: FlinkDeployment,
    observation: Observation,
    own_rules: OwnRules,
}

impl Case {
    /// Nothing was ever done.
    fn new() -> Self {
        Self {
            resource: resource(),
            observation: Observation::default(),
            own_rules: OwnRules::default(),
        }
    }

    /// The job runs and all is well.
    fn running() -> Self {
        let mut case = Self::new();
        case.take(&case.decide());
        case.observation = live();
        case.take(&case.decide());
        let status = case.resource.status.as_mut().expect("a status");
        status.job_status.as_mut().expect("a job").job_id = Some(JOB.into());
        let decision = case.decide();
        case.take(&decision);
        case
    }

    fn spec(mut self, patch: &Value) -> Self {
        let mut spec = serde_json::to_value(&self.resource.spec).expect("serialises");
        merge(&mut spec, patch);
        self.resource.spec = serde_json::from_value(spec).expect("a spec");
        *self.resource.metadata.generation.as_mut().expect("a generation") += 1;
        self
    }

    fn observed(mut self, change: impl FnOnce(&mut Observation)) -> Self {
        change(&mut self.observation);
        self
    }

    fn at(&self, now: i64) -> Decision {
        let desired = Checked::check(self.resource.clone(), &Defaults::default(), &self.own_rules);
        let deployed = Checked::deployed(self.resource.clone(), &Defaults::default());
        decide(&Input {
            resource: &self.resource,
            desired: &desired,
            deployed: deployed.as_ref(),
            observation: &self.observation,
            now,
            fresh_job_id: FRESH,
        })
    }

    fn decide(&self) -> Decision {
        self.at(NOW)
    }

    /// What `apply` would leave behind in the resource.
    fn take(&mut self, decision: &Decision) {
        self.resource.status = Some(decision.status.clone());
        if decision.finalizer == FinalizerChange::Add {
            self.resource.metadata.finalizers = Some(vec![DEPLOYMENT_FINALIZER.into()]);
        }
    }
}

fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

/// A JobManager of generation 1 that answers.
fn live() -> Observation {
    Observation {
        job_manager: Some(JobManager {
            uid: "jm".into(),
            owned: true,
            generation: Some(1),
            available: true,
            ever_available: true,
            ..JobManager::default()
        }),
        pods: vec![JobManagerPod {
            name: "job-1".into(),
            alive: true,
            running: true,
            ready_since: Some(NOW - 60_000),
            ..JobManagerPod::default()
        }],
        rest: answer(JOB, FlinkJobState::Running),
        ..Observation::default()
    }
}

fn answer(id: &str, state: FlinkJobState) -> Rest {
    Rest::Answered(Box::new(FlinkView {
        jobs: vec![JobOverview {
            id: id.into(),
            name: "State machine".into(),
            state,
            start_time: 42,
        }],
        task_managers: Some(2),
        ..FlinkView::default()
    }))
}

fn reasons(decision: &Decision) -> Vec<String> {
    decision.events.iter().map(|e| e.reason.to_string()).collect()
}

fn condition(decision: &Decision, type_: &str) -> (String, String) {
    let conditions = decision.status.conditions.as_deref().unwrap_or_default();
    let found = conditions
        .iter()
        .find(|c| c.type_.as_deref() == Some(type_))
        .expect("the condition");
    (
        found.status.clone().expect("a status"),
        found.reason.clone().expect("a reason"),
    )
}

fn is(status: &str, reason: &str) -> (String, String) {
    (status.into(), reason.into())
}

fn lifecycle(decision: &Decision) -> LifecycleState {
    decision.status.lifecycle_state.expect("a state")
}
