//! A small model of a cluster, in which the controller is killed between any two writes, sees outdated caches, and its
//! users change their minds. Whatever the order: never two JobManagers, and in the end what the spec says.

use std::cell::RefCell;
use std::collections::HashMap;

use proptest::prelude::*;
use sluice_runtime::config_dir::Defaults;
use sluice_shared::api::FlinkDeployment;
use sluice_shared::api::job::{JobState, UpgradeMode};
use sluice_shared::api::labels::DEPLOYMENT_FINALIZER;
use sluice_shared::api::status::{FlinkJobState, LifecycleState, ReconciliationState};

use super::decide;
use super::tests::resource;
use crate::deployment::model::{
    Action, Decision, FinalizerChange, FlinkView, Input, JobManager, JobManagerPod, JobOverview, Launch, Millis,
    Observation, Refusal, Rest,
};
use crate::deployment::status::{StatusExt as _, recorded};
use crate::deployment::valid::{Checked, OwnRules};

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// A whole reconcile.
    Reconcile,
    /// A reconcile that is killed after so many writes.
    Killed(usize),
    /// The watch caches catch up.
    Sync,
    /// Kubernetes and Flink do their part.
    World,
    /// The JobManager's process dies and is restarted.
    Crash,
    /// The user asks for another parallelism.
    Parallelism(i32),
    /// The user suspends or resumes.
    State(JobState),
    /// The user asks for another upgrade mode.
    Mode(UpgradeMode),
    /// The user writes nonsense.
    Nonsense,
    /// Someone deletes the JobManager's Deployment.
    Vandal,
    /// A change that means nothing to what runs.
    Ignored,
}

#[derive(Clone, Debug)]
struct Cluster {
    uid: String,
    launch: Launch,
    parallelism: i32,
    scaled_down: bool,
    terminating: bool,
    complete: bool,
}

#[derive(Clone, Debug)]
struct Process {
    name: String,
    job_id: String,
    terminating: bool,
    /// Steps since it started.
    age: u32,
}

#[derive(Clone, Debug, Default)]
struct Objects {
    cluster: Option<Cluster>,
    processes: Vec<Process>,
}

struct Model {
    resource: FlinkDeployment,
    real: Objects,
    /// What the caches show.
    cached_resource: FlinkDeployment,
    cached: Objects,
    now: Millis,
    counter: u32,
}

thread_local! {
    /// Rules and builders are pure, so a spec is checked once.
    static CHECKED: RefCell<HashMap<String, Result<Checked, Refusal>>> = RefCell::default();
}

fn checked(object: &FlinkDeployment) -> Result<Checked, Refusal> {
    let key = serde_json::to_string(&object.spec).expect("serialises");
    CHECKED.with_borrow_mut(|known| {
        known
            .entry(key)
            .or_insert_with(|| Checked::check(object.clone(), &Defaults::default(), &OwnRules::default()))
            .clone()
    })
}

impl Model {
    fn new() -> Self {
        let resource = resource();
        Self {
            cached_resource: resource.clone(),
            resource,
            real: Objects::default(),
            cached: Objects::default(),
            now: 1_000_000,
            counter: 0,
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut FlinkDeployment)) {
        let before = self.resource.spec.clone();
        change(&mut self.resource);
        if self.resource.spec != before {
            let generation = self.resource.metadata.generation.expect("a generation");
            self.resource.metadata.generation = Some(generation + 1);
            self.bump();
        }
    }

    fn bump(&mut self) {
        self.counter += 1;
        self.resource.metadata.resource_version = Some(self.counter.to_string());
    }

    fn observe(&self) -> Observation {
        let job_manager = self.cached.cluster.as_ref().map(|cluster| JobManager {
            uid: cluster.uid.clone(),
            owned: true,
            generation: Some(cluster.launch.generation),
            terminating: cluster.terminating,
            scaled_down: cluster.scaled_down,
            available: self.cached.processes.iter().any(|p| p.age >= 2),
            ever_available: self.cached.processes.iter().any(|p| p.age >= 2),
            replica_failure: None,
        });
        let pods = self.cached.processes.iter().map(|process| JobManagerPod {
            name: process.name.clone(),
            alive: true,
            terminating_since: process.terminating.then_some(self.now),
            running: process.age >= 1,
            ready_since: (process.age >= 2).then_some(0),
            ..JobManagerPod::default()
        });
        // Flink is asked over the network, so it answers as it is now.
        let answering = self.real.processes.iter().find(|p| p.age >= 2 && !p.terminating);
        let rest = match answering {
            Some(process) if job_manager.is_some() => Rest::Answered(Box::new(FlinkView {
                jobs: vec![JobOverview {
                    id: process.job_id.clone(),
                    name: "job".into(),
                    state: if process.age >= 3 {
                        FlinkJobState::Running
                    } else {
                        FlinkJobState::Created
                    },
                    start_time: 1,
                }],
                ..FlinkView::default()
            })),
            _ => Rest::NotAsked,
        };
        let complete = self.cached.cluster.as_ref().is_none_or(|c| c.complete);
        Observation {
            job_manager,
            pods: pods.collect(),
            missing: if complete {
                Vec::new()
            } else {
                vec!["Service job-rest".into()]
            },
            ha_metadata: false,
            rest,
        }
    }

    fn decide(&self) -> Decision {
        let desired = checked(&self.cached_resource);
        let deployed = recorded(&self.cached_resource.status.clone().unwrap_or_default()).expect("readable");
        let deployed = deployed.map(|recorded| {
            let mut object = self.cached_resource.clone();
            object.spec = recorded.spec;
            checked(&object)
        });
        let observation = self.observe();
        decide(&Input {
            resource: &self.cached_resource,
            desired: &desired,
            deployed: deployed.as_ref(),
            observation: &observation,
            now: self.now,
            fresh_job_id: &format!("{:032x}", self.counter + 1),
        })
    }

    /// Carries a decision out, as `apply` does; at most `writes` writes.
    fn apply(&mut self, decision: &Decision, mut writes: usize) {
        self.check_promises(decision);
        let mut allowed = || {
            let more = writes > 0;
            writes = writes.saturating_sub(1);
            more
        };
        if self.cached_resource.metadata.resource_version != self.resource.metadata.resource_version {
            let writes_resource = decision.finalizer != FinalizerChange::Keep
                || Some(&decision.status) != self.cached_resource.status.as_ref();
            if writes_resource {
                // Refused with a conflict; the watch delivers what it was in conflict with.
                self.cached_resource = self.resource.clone();
                return;
            }
        }
        if decision.finalizer == FinalizerChange::Add && allowed() {
            self.resource.metadata.finalizers = Some(vec![DEPLOYMENT_FINALIZER.to_owned()]);
            self.bump();
            self.cached_resource = self.resource.clone();
        }
        if Some(&decision.status) != self.cached_resource.status.as_ref() {
            if !allowed() {
                return;
            }
            self.resource.status = Some(decision.status.clone());
            self.bump();
            self.cached_resource = self.resource.clone();
        }
        for action in &decision.actions {
            if !allowed() || !self.act(action, &mut allowed) {
                return;
            }
        }
    }

    /// One action against the real objects; false when it has to wait.
    fn act(&mut self, action: &Action, allowed: &mut impl FnMut() -> bool) -> bool {
        match action {
            Action::CancelJob { .. } | Action::DeleteHaMetadata => {}
            Action::ScaleDownJobManager { uid } => {
                if let Some(cluster) = self.real.cluster.as_mut().filter(|c| &c.uid == uid) {
                    cluster.scaled_down = true;
                }
            }
            Action::DeleteJobManager { uid } => {
                if let Some(cluster) = self.real.cluster.as_mut().filter(|c| &c.uid == uid) {
                    cluster.terminating = true;
                }
            }
            Action::CreateCluster(launch) => {
                if let Some(existing) = &mut self.real.cluster {
                    if existing.terminating || existing.launch.generation != launch.generation {
                        return false;
                    }
                    existing.complete = true;
                    return true;
                }
                if !self.real.processes.is_empty() {
                    return false;
                }
                self.counter += 1;
                let parallelism = self.resource.spec.job.as_ref().and_then(|j| j.parallelism).unwrap_or(0);
                self.real.cluster = Some(Cluster {
                    uid: format!("cluster-{}", self.counter),
                    launch: launch.clone(),
                    parallelism,
                    scaled_down: false,
                    terminating: false,
                    complete: false,
                });
                if allowed() {
                    self.real.cluster.as_mut().expect("just made").complete = true;
                }
            }
            Action::CompleteCluster { uid, .. } => {
                if let Some(cluster) = self.real.cluster.as_mut().filter(|c| &c.uid == uid) {
                    cluster.complete = true;
                }
            }
        }
        true
    }

    /// What no decision may do, whatever led to it.
    fn check_promises(&self, decision: &Decision) {
        let before = self.cached_resource.status.clone().unwrap_or_default();
        let job = self.cached_resource.spec.job.as_ref().expect("an application");
        let started = before.job_status.as_ref().is_some_and(|j| j.start_time.is_some());
        let runs = before.reconciliation_state() == ReconciliationState::Deployed
            && before.lifecycle_state != Some(LifecycleState::Suspended);
        if started && runs && decision.status.reconciliation_state() == ReconciliationState::Upgrading {
            assert_eq!(job.upgrade_mode(), UpgradeMode::Stateless, "S2: state would be lost");
        }
        for action in &decision.actions {
            if let Action::CreateCluster(_) = action {
                assert!(
                    self.cached.processes.is_empty() && self.cached.cluster.is_none(),
                    "S1: created although the old one was seen"
                );
            }
        }
    }

    /// Kubernetes and Flink do one step.
    fn world(&mut self) {
        self.now += 1_000;
        let gone: bool = self
            .real
            .cluster
            .as_ref()
            .is_none_or(|c| c.terminating || c.scaled_down);
        if gone && !self.real.processes.is_empty() {
            if self.real.processes.iter().all(|p| p.terminating) {
                self.real.processes.clear();
            } else {
                self.real.processes.iter_mut().for_each(|p| p.terminating = true);
            }
            return;
        }
        let Some(cluster) = &self.real.cluster else {
            return;
        };
        if cluster.terminating {
            self.real.cluster = None;
            return;
        }
        if !cluster.scaled_down && self.real.processes.iter().all(|p| p.terminating) {
            // Strictly, Kubernetes starts the next pod while the last one still terminates; that is what S1 guards
            // against when the *Deployment* is a new one.
            if self.real.processes.is_empty() {
                self.counter += 1;
                self.real.processes.push(Process {
                    name: format!("pod-{}", self.counter),
                    job_id: cluster.launch.job_id.clone(),
                    terminating: false,
                    age: 0,
                });
            } else {
                self.real.processes.clear();
            }
            return;
        }
        let complete = cluster.complete;
        for process in &mut self.real.processes {
            // Without its ConfigMap a pod does not start.
            if complete {
                process.age += 1;
            }
        }
    }

    fn sync(&mut self) {
        self.cached = self.real.clone();
        self.cached_resource = self.resource.clone();
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Reconcile => {
                let decision = self.decide();
                self.apply(&decision, usize::MAX);
            }
            Step::Killed(writes) => {
                let decision = self.decide();
                self.apply(&decision, *writes);
                // A restarted controller fills its caches anew.
                self.sync();
            }
            Step::Sync => self.sync(),
            Step::World => self.world(),
            Step::Crash => self.real.processes.iter_mut().for_each(|p| p.age = 0),
            Step::Parallelism(parallelism) => self.change(|r| {
                let job = r.spec.job.as_mut().expect("an application");
                job.parallelism = Some(*parallelism);
            }),
            Step::State(state) => self.change(|r| r.spec.job.as_mut().expect("an application").state = Some(*state)),
            Step::Mode(mode) => {
                self.change(|r| {
                    let job = r.spec.job.as_mut().expect("an application");
                    job.upgrade_mode = Some(*mode);
                });
            }
            Step::Nonsense => self.change(|r| r.spec.job.as_mut().expect("an application").parallelism = Some(-1)),
            Step::Vandal => self.real.cluster = None,
            Step::Ignored => self.change(|r| {
                let config = r.spec.flink_configuration.as_mut().expect("a configuration");
                config.0["kubernetes.operator.x"] = serde_json::json!("y");
            }),
        }
        let distinct: std::collections::HashSet<_> = self.real.processes.iter().map(|p| &p.name).collect();
        assert!(distinct.len() <= 1, "S1: two JobManagers: {:?}", self.real.processes);
    }

    /// Lets everything settle; gives the last decision.
    fn settle(&mut self) -> Decision {
        for _ in 0..40 {
            self.step(&Step::Sync);
            self.step(&Step::Reconcile);
            self.step(&Step::World);
        }
        self.sync();
        self.decide()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Reconcile),
        4 => (0_usize..5).prop_map(Step::Killed),
        6 => Just(Step::Sync),
        8 => Just(Step::World),
        1 => Just(Step::Crash),
        2 => (1_i32..4).prop_map(Step::Parallelism),
        1 => Just(Step::State(JobState::Suspended)),
        1 => Just(Step::State(JobState::Running)),
        1 => prop_oneof![Just(UpgradeMode::Stateless), Just(UpgradeMode::Savepoint)].prop_map(Step::Mode),
        1 => Just(Step::Nonsense),
        1 => Just(Step::Vandal),
        1 => Just(Step::Ignored),
    ];
    proptest::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn never_two_jobmanagers_and_in_the_end_what_the_spec_says(steps in steps()) {
        let mut model = Model::new();
        for step in &steps {
            model.step(step);
        }
        // The user comes to rest with a spec that can be carried out.
        model.step(&Step::Mode(UpgradeMode::Stateless));
        model.step(&Step::Parallelism(7));
        let decision = model.settle();
        let status = model.resource.status.clone().expect("a status");
        prop_assert_eq!(&decision.actions, &Vec::new(), "a fixpoint has nothing left to do");
        prop_assert_eq!(&decision.status, &status, "nor to write");
        let wanted = model.resource.spec.job.as_ref().expect("an application").desired_state();
        if wanted == JobState::Running {
            prop_assert_eq!(status.lifecycle_state, Some(LifecycleState::Stable));
            let cluster = model.real.cluster.as_ref().expect("a cluster");
            prop_assert_eq!(cluster.parallelism, 7);
            prop_assert_eq!(Some(cluster.launch.job_id.as_str()), status.job_id());
            prop_assert_eq!(model.real.processes.len(), 1);
        } else {
            let never_ran = status.reconciliation_status.as_ref().is_none_or(|r| r.last_reconciled_spec.is_none());
            let expected = if never_ran { LifecycleState::Created } else { LifecycleState::Suspended };
            prop_assert_eq!(status.lifecycle_state, Some(expected));
            prop_assert!(model.real.processes.is_empty() && model.real.cluster.is_none());
        }
    }

    #[test]
    fn a_deletion_ends_and_leaves_nothing(steps in steps()) {
        let mut model = Model::new();
        for step in &steps {
            model.step(step);
        }
        if model.resource.metadata.finalizers.is_none() {
            return Ok(());
        }
        model.resource.metadata.deletion_timestamp = Some(serde_json::from_str("\"2026-01-01T00:00:00Z\"").expect("a time"));
        model.bump();
        let decision = model.settle();
        prop_assert_eq!(decision.finalizer, FinalizerChange::Remove);
        prop_assert!(model.real.processes.is_empty() && model.real.cluster.is_none());
    }
}
