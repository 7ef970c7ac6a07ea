//! From the deployed spec to the desired one.

use sluice_shared::api::FlinkDeploymentSpec;
use sluice_shared::api::job::{JobState, UpgradeMode};
use sluice_shared::api::status::{FlinkJobState, JobManagerDeploymentStatus as JobManagerStatus, ReconciliationState};
use sluice_shared::diff::{self, DiffKind};

use super::Draft;
use crate::cluster::LAST_STATE_PATH;
use crate::deployment::conditions::rfc3339;
use crate::deployment::error::ErrorClass;
use crate::deployment::event::{Component, EventDraft, Reason};
use crate::deployment::model::{Action, JobManager, Launch, Rest, RestoreFrom, Source};
use crate::deployment::status::{Recorded, StatusExt as _};
use crate::deployment::valid::Checked;

/// What the new cluster starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Restore {
    /// As recorded in `lastReconciledSpec.job.upgradeMode`.
    mode: UpgradeMode,
    path: Option<String>,
}

impl Restore {
    const EMPTY: Self = Self {
        mode: UpgradeMode::Stateless,
        path: None,
    };

    /// From `initialSavepointPath`, or empty where there is none.
    fn initial(spec: &FlinkDeploymentSpec) -> Self {
        let path = spec.job.as_ref().and_then(|job| job.initial_savepoint_path.clone());
        match path.filter(|path| !path.trim().is_empty()) {
            Some(path) => Self {
                mode: UpgradeMode::Savepoint,
                path: Some(path),
            },
            None => Self::EMPTY,
        }
    }
}

impl Draft<'_> {
    /// `desired` is absent where the spec is refused: then what was deployed is kept (S5).
    pub(super) fn reconcile(&mut self, desired: Option<&Checked>) {
        if self.recorded.is_none() {
            if let Some(desired) = desired {
                self.first(desired);
            }
            return;
        }
        match self.status.reconciliation_state() {
            ReconciliationState::Upgrading => self.proceed(desired),
            ReconciliationState::Deployed | ReconciliationState::RolledBack => self.settled(desired),
            ReconciliationState::RollingBack => {
                let message = "a rollback is under way, which this version of Sluice does not carry on; \
                               change the spec to deploy it anew"
                    .to_owned();
                self.refuse(ErrorClass::Reconciliation, Reason::Error, "NotSupported", message);
            }
        }
    }

    fn first(&mut self, desired: &Checked) {
        if desired.job_state() == JobState::Suspended {
            return;
        }
        let stateful = desired
            .spec()
            .job
            .as_ref()
            .is_some_and(|job| job.upgrade_mode() != UpgradeMode::Stateless);
        if stateful && self.live_job_manager().is_some() {
            // S2: the status was lost, and with it the way back to the job's state.
            let message = "a JobManager of this resource runs, but its status is empty, so the state of its job would \
                           be lost. Restore the status, or delete the resource and create it with initialSavepointPath"
                .to_owned();
            return self.refuse(ErrorClass::Reconciliation, Reason::Error, "StatusLost", message);
        }
        if self.old_cluster_gone() {
            self.launch(Some(desired), Restore::initial(desired.spec()), true);
        }
    }

    /// A spec is deployed (or suspended): has it changed, and does all of it still stand?
    fn settled(&mut self, desired: Option<&Checked>) {
        let Some(desired) = desired else {
            return self.keep_up();
        };
        let kind = self.change(desired);
        let cancelled = self.should_run() && self.status.job_state() == Some(FlinkJobState::Canceled);
        if kind <= DiffKind::Ignore && !cancelled {
            self.status.observed_generation = Some(self.generation());
            return self.keep_up();
        }
        if let Some(restore) = self.restore(desired, kind, cancelled) {
            self.begin(desired, &restore);
            self.proceed(Some(desired));
        } else {
            self.keep_up();
        }
    }

    /// How much `desired` differs from the recorded spec. Announces a difference that matters.
    fn change(&mut self, desired: &Checked) -> DiffKind {
        let Some(recorded) = &self.recorded else {
            return DiffKind::Ignore;
        };
        let Ok(diff) = diff::deployment(&recorded.spec, desired.spec()) else {
            // Only configuration that cannot be flattened gives an error, and such a spec is not valid.
            return DiffKind::Upgrade;
        };
        let kind = diff.kind();
        if kind > DiffKind::Ignore {
            let text = format!(
                "{} change(s) detected ({diff}), starting reconciliation.",
                kind.as_str()
            );
            self.events.push(
                EventDraft::normal(Reason::SpecChanged, Component::JobManagerDeployment, text)
                    .once(format!("SpecChange: {}", self.generation())),
            );
        }
        kind
    }

    /// What the new cluster is to start from; nothing when it must not start (S2).
    fn restore(&mut self, desired: &Checked, kind: DiffKind, cancelled: bool) -> Option<Restore> {
        let recorded = self.recorded.as_ref()?;
        let wanted = desired
            .spec()
            .job
            .as_ref()
            .map_or(UpgradeMode::Stateless, sluice_shared::api::JobSpec::upgrade_mode);
        let kept = Restore {
            mode: recorded.upgrade_mode(),
            path: self
                .status
                .job_status
                .as_ref()
                .and_then(|job| job.upgrade_savepoint_path.clone()),
        };
        if recorded.job_state() == JobState::Suspended && self.deployed() && desired.job_state() == JobState::Suspended
        {
            // S3: the way back is only given up when the job is started again.
            return Some(kept);
        }
        if kind == DiffKind::SavepointRedeploy {
            return Some(Restore::initial(desired.spec()));
        }
        if wanted == UpgradeMode::Stateless && (kind > DiffKind::Ignore || cancelled) {
            return Some(Restore::EMPTY);
        }
        if !cancelled && (recorded.job_state() == JobState::Suspended || self.never_started()) {
            return Some(kept);
        }
        let message = format!(
            "upgradeMode {wanted} is not carried out by this version of Sluice yet, and starting without state would \
             lose it. The job keeps running with the last deployed spec. Set upgradeMode to stateless to upgrade \
             without state, or take the change back"
        );
        self.refuse(
            ErrorClass::UpgradeFailure,
            Reason::UpgradeFailed,
            "UpgradeModeNotSupported",
            message,
        );
        None
    }

    /// Whether the first cluster of the resource never got so far that its job could have state.
    fn never_started(&self) -> bool {
        let observation = &self.input.observation;
        self.recorded.as_ref().is_some_and(Recorded::first_deployment)
            && self
                .status
                .job_status
                .as_ref()
                .is_none_or(|job| job.start_time.is_none())
            && self.live_job_manager().is_some_and(|jm| !jm.ever_available)
            && !matches!(observation.rest, Rest::Answered(_))
            && !observation.ha_metadata
    }

    /// Writes down that the old cluster is to go (S4). What follows from it is `proceed`'s work.
    fn begin(&mut self, desired: &Checked, restore: &Restore) {
        if self.should_run() && !self.job_ended() {
            self.events.push(EventDraft::normal(
                Reason::Suspended,
                Component::JobManagerDeployment,
                "Suspending existing deployment.",
            ));
        }
        let recorded = self.to_record(desired, restore, JobState::Suspended, false);
        self.record(recorded, ReconciliationState::Upgrading);
        if restore.path.is_some() {
            self.status.job().upgrade_savepoint_path.clone_from(&restore.path);
        }
        self.status.reconciliation().reconciliation_timestamp = Some(self.input.now);
        self.status.error = None;
        self.status.observed_generation = Some(self.generation());
        self.show_task_managers(desired);
    }

    fn show_task_managers(&mut self, desired: &Checked) {
        let replicas = (desired.job_state() == JobState::Running).then_some(desired.facts.task_managers);
        let name = self.name().to_owned();
        self.status.set_task_managers(&name, replicas);
    }

    /// `desired` as it is recorded: triggers that were not acted on yet are not recorded as done.
    fn to_record(&self, desired: &Checked, restore: &Restore, state: JobState, first: bool) -> Recorded {
        let mut spec = desired.spec().clone().normalized();
        let before = self.recorded.as_ref().and_then(|r| r.spec.job.as_ref());
        if let Some(job) = &mut spec.job {
            job.state = Some(state);
            job.upgrade_mode = Some(restore.mode);
            if let Some(before) = before {
                job.savepoint_trigger_nonce = before.savepoint_trigger_nonce;
                job.checkpoint_trigger_nonce = before.checkpoint_trigger_nonce;
            }
        }
        let metadata = sluice_shared::api::reconciled::ReconciliationMetadata::new(first);
        Recorded {
            spec,
            metadata: Some(metadata),
        }
    }

    /// An upgrade or a suspension is under way.
    fn proceed(&mut self, desired: Option<&Checked>) {
        let Some(recorded) = self.recorded.clone() else {
            return;
        };
        let mut restore = Restore {
            mode: recorded.upgrade_mode(),
            path: self
                .status
                .job_status
                .as_ref()
                .and_then(|job| job.upgrade_savepoint_path.clone()),
        };
        if restore.mode == UpgradeMode::Stateless {
            restore.path = None;
        }
        let first = recorded.first_deployment();
        // The user may have changed the spec again, or the first start may be repeated with another one.
        if let Some(desired) = desired
            && target_changed(&recorded, desired)
        {
            let kind = self.change(desired);
            if first {
                restore = Restore::initial(desired.spec());
            } else if let Some(newer) = self.restore(desired, kind, false) {
                restore = newer;
            } else {
                return;
            }
        }
        if !self.old_cluster_gone() {
            return;
        }
        // S5: where the spec is refused, the intent that was written down stays.
        let intended = self
            .status
            .task_manager
            .as_ref()
            .and_then(|t| t.replicas)
            .is_some_and(|r| r > 0);
        let run = desired.map_or(intended, |desired| desired.job_state() == JobState::Running);
        if run {
            self.launch(desired, restore, first);
        } else {
            self.suspended(desired, &restore);
        }
    }

    /// Takes the old cluster away; whether it is gone (S1).
    fn old_cluster_gone(&mut self) -> bool {
        let observation = self.input.observation;
        if let Some(job_manager) = &observation.job_manager {
            if !job_manager.owned && !job_manager.terminating {
                let message = format!(
                    "a Deployment named {} exists and does not belong to this resource; nothing is started beside it. \
                     Delete that Deployment or choose another name",
                    self.name()
                );
                self.refuse(ErrorClass::Reconciliation, Reason::Error, "NameTaken", message);
                return false;
            }
            self.take_down(job_manager);
            return false;
        }
        !self.pods_left()
    }

    /// Whether pods of the JobManager are left. Says so.
    pub(super) fn pods_left(&mut self) -> bool {
        let Some(pod) = self.input.observation.pods.iter().find(|pod| pod.alive) else {
            return false;
        };
        let place = pod
            .node
            .as_deref()
            .map(|node| format!(" on node {node}"))
            .unwrap_or_default();
        let since = match pod.terminating_since {
            // Not in seconds from now: a message that changes all the time is written all the time.
            Some(since) => format!("has been terminating since {}", rfc3339(since)),
            None => "is not being deleted yet".to_owned(),
        };
        self.waiting = Some(format!(
            "JobManager pod {}{place} {since}; it must be gone first",
            pod.name
        ));
        true
    }

    /// Takes the JobManager down: Flink cancels the job where it can, the pods go, then the Deployment with all that it
    /// owns. In this order, since a JobManager that lost its TaskManagers would ask for new ones.
    pub(super) fn take_down(&mut self, job_manager: &JobManager) {
        self.waiting = Some("the JobManager Deployment is being deleted".to_owned());
        let uid = job_manager.uid.clone();
        if job_manager.terminating || (job_manager.scaled_down && self.pods_left()) {
            return;
        }
        if job_manager.scaled_down {
            self.actions.push(Action::DeleteJobManager { uid });
            return;
        }
        let answering = matches!(self.input.observation.rest, Rest::Answered(_));
        let cancellable = self
            .status
            .job_state()
            .is_some_and(|state| !state.is_globally_terminal() && state != FlinkJobState::Reconciling);
        if let Some(job_id) = self.status.job_id()
            && answering
            && cancellable
        {
            let job_id = job_id.to_owned();
            self.actions.push(Action::CancelJob { job_id });
        }
        self.actions.push(Action::ScaleDownJobManager { uid });
    }

    /// Writes down what is about to be created, and creates it. `desired` is absent where the recorded spec is started.
    fn launch(&mut self, desired: Option<&Checked>, restore: Restore, first: bool) {
        let source = if desired.is_some() {
            Source::Desired
        } else {
            Source::Deployed
        };
        let Some(checked) = desired.or_else(|| self.deployed_spec()) else {
            return;
        };
        let lost_state = match (restore.mode, &restore.path) {
            (UpgradeMode::Stateless, _) => None,
            (UpgradeMode::Savepoint, Some(path)) if path != LAST_STATE_PATH => None,
            (UpgradeMode::Savepoint, _) => Some("the savepoint to start from is not known. Manual restore required."),
            (UpgradeMode::LastState, _) => Some(
                "the job was stopped to be restored from its last checkpoint, which this version of Sluice does not do yet. \
                 Set upgradeMode to stateless to start without state, or initialSavepointPath and savepointRedeployNonce \
                 to start from a checkpoint",
            ),
        };
        if let Some(message) = lost_state {
            let message = message.to_owned();
            return self.refuse(
                ErrorClass::UpgradeFailure,
                Reason::UpgradeFailed,
                "RestoreNotPossible",
                message,
            );
        }
        let intent = self.to_record(checked, &restore, JobState::Suspended, first);
        let text = intent.encode();
        let written = self
            .status
            .reconciliation_status
            .as_ref()
            .and_then(|r| r.last_reconciled_spec.clone());
        let intended = self.before.job_manager_deployment_status.is_some()
            && self.status.job_manager() == JobManagerStatus::Missing
            && self.status.job_state() == Some(FlinkJobState::Reconciling)
            && self.status.job_id().is_some()
            && self.status.reconciliation_state() == ReconciliationState::Upgrading
            && self.recorded.is_some()
            && written == text
            && (source == Source::Deployed || self.before.observed_generation == Some(self.generation()));
        if !intended {
            self.intend(intent, checked, &restore, source);
        }
        let Some(job_id) = self.status.job_id().map(str::to_owned) else {
            return;
        };
        if restore.mode == UpgradeMode::Stateless && !first {
            self.actions.push(Action::DeleteHaMetadata);
        }
        self.waiting = Some("the cluster is being created".to_owned());
        self.actions.push(Action::CreateCluster(Launch {
            source,
            generation: self.status.observed_generation.unwrap_or_else(|| self.generation()),
            job_id,
            restore_from: restore.path.map_or(RestoreFrom::Nothing, RestoreFrom::Savepoint),
        }));
    }

    fn intend(&mut self, intent: Recorded, checked: &Checked, restore: &Restore, source: Source) {
        let now = self.input.now;
        self.record(intent, ReconciliationState::Upgrading);
        self.status.job_manager_deployment_status = Some(JobManagerStatus::Missing);
        self.status.set_job_state(FlinkJobState::Reconciling, now);
        let job = self.status.job();
        job.update_time = Some(now.to_string());
        job.start_time = None;
        job.job_id = Some(
            checked
                .facts
                .job_id
                .clone()
                .unwrap_or_else(|| self.input.fresh_job_id.to_owned()),
        );
        if restore.path.is_some() {
            job.upgrade_savepoint_path.clone_from(&restore.path);
        }
        self.status.cluster_info = Some(std::collections::BTreeMap::new());
        self.status.reconciliation().reconciliation_timestamp = Some(now);
        self.status.error = None;
        if source == Source::Desired {
            self.status.observed_generation = Some(self.generation());
            self.show_task_managers(checked);
        }
        self.events.push(EventDraft::normal(
            Reason::Submit,
            Component::JobManagerDeployment,
            "Starting deployment",
        ));
        if checked.spec().ingress.is_some() {
            self.events.push(EventDraft::warning(
                Reason::IngressManagement,
                Component::Operator,
                "spec.ingress is not carried out by this version of Sluice yet; create the Ingress yourself",
            ));
        }
    }

    /// The old cluster is gone and none shall follow.
    fn suspended(&mut self, desired: Option<&Checked>, restore: &Restore) {
        if let Some(desired) = desired {
            let first = self.recorded.as_ref().is_some_and(Recorded::first_deployment);
            let recorded = self.to_record(desired, restore, JobState::Suspended, first);
            self.record(recorded, ReconciliationState::Deployed);
            self.status.observed_generation = Some(self.generation());
        } else if let Some(recorded) = self.recorded.clone() {
            self.record(recorded, ReconciliationState::Deployed);
        }
        self.status.mark_stable();
        self.status.job_manager_deployment_status = Some(JobManagerStatus::Missing);
        if !self.job_ended() {
            self.status.set_job_state(FlinkJobState::Finished, self.input.now);
        }
        let name = self.name().to_owned();
        self.status.set_task_managers(&name, None);
        if restore.mode == UpgradeMode::Stateless {
            self.actions.push(Action::DeleteHaMetadata);
        }
    }

    /// Puts back what someone took away from a deployed cluster.
    fn keep_up(&mut self) {
        if !self.should_run() {
            // Only a creation that was thought lost can leave a Deployment here.
            if let Some(job_manager) = self.live_job_manager().cloned() {
                self.take_down(&job_manager);
            }
            return;
        }
        if let Some(job_manager) = self.live_job_manager() {
            if self.input.observation.missing.is_empty() {
                return;
            }
            let (uid, generation) = (job_manager.uid.clone(), job_manager.generation);
            if let Some(launch) = self.relaunch(generation) {
                self.actions.push(Action::CompleteCluster { uid, launch });
            }
            return;
        }
        if !self.job_ended() {
            self.recover();
        }
    }

    fn recover(&mut self) {
        let Some(deployed) = self.deployed_spec().cloned() else {
            return;
        };
        if !deployed.facts.recovery {
            self.waiting = Some(
                "the JobManager Deployment is missing and kubernetes.operator.jm-deployment-recovery.enabled is false"
                    .to_owned(),
            );
            return;
        }
        // Even where the spec is refused: the record of a first start says stateless whatever the mode is.
        let spec = &self.input.resource.spec;
        let stateless = spec
            .job
            .as_ref()
            .is_none_or(|job| job.upgrade_mode() == UpgradeMode::Stateless);
        let restorable = deployed.facts.high_availability && self.input.observation.ha_metadata;
        if !stateless && !restorable {
            let message = "the JobManager Deployment is missing and HA metadata is not available to continue from. \
                           Manual restore required. Start again from a savepoint or checkpoint with \
                           initialSavepointPath and a new savepointRedeployNonce"
                .to_owned();
            return self.refuse(
                ErrorClass::UpgradeFailure,
                Reason::Kubernetes("RestoreFailed".to_owned()),
                "RestoreNotPossible",
                message,
            );
        }
        if !self.old_cluster_gone() {
            return;
        }
        let generation = self.status.observed_generation;
        if let Some(mut launch) = self.relaunch(generation) {
            if !stateless {
                launch.restore_from = RestoreFrom::HighAvailability;
            }
            self.events.push(EventDraft::warning(
                Reason::RecoverDeployment,
                Component::Job,
                "Recovering lost deployment",
            ));
            self.waiting = Some("the lost JobManager Deployment is being made again".to_owned());
            self.actions.push(Action::CreateCluster(launch));
        }
    }

    /// The cluster exactly as it was started: the same job id, so that Flink finds its own checkpoints again.
    fn relaunch(&mut self, generation: Option<i64>) -> Option<Launch> {
        self.deployed_spec()?;
        let recorded = self.recorded.as_ref()?;
        let job = self.status.job_status.as_ref()?;
        let restored = recorded.upgrade_mode() == UpgradeMode::Savepoint;
        let path = restored.then(|| job.upgrade_savepoint_path.clone()).flatten();
        Some(Launch {
            source: Source::Deployed,
            generation: generation.unwrap_or_else(|| self.generation()),
            job_id: job.job_id.clone()?,
            restore_from: path.map_or(RestoreFrom::Nothing, RestoreFrom::Savepoint),
        })
    }
}

/// Whether `desired` is another spec than the one that is on its way, job state aside.
fn target_changed(recorded: &Recorded, desired: &Checked) -> bool {
    let mut spec = recorded.spec.clone();
    if let (Some(job), Some(wanted)) = (&mut spec.job, &desired.spec().job) {
        job.state = wanted.state;
    }
    diff::deployment(&spec, desired.spec()).map_or(true, |diff| diff.kind() > DiffKind::Ignore)
}
