//! From the deployed spec to the desired one.

use sluice_shared::api::FlinkDeploymentSpec;
use sluice_shared::api::job::{JobState, UpgradeMode};
use sluice_shared::api::status::{FlinkJobState, ReconciliationState};
use sluice_shared::diff::{self, DiffKind};

use super::Draft;
use crate::deployment::error::ErrorClass;
use crate::deployment::event::{Component, EventDraft, Reason};
use crate::deployment::model::Rest;
use crate::deployment::status::{Recorded, StatusExt as _};
use crate::deployment::valid::Checked;

/// What the new cluster starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Restore {
    /// As recorded in `lastReconciledSpec.job.upgradeMode`.
    pub(super) mode: UpgradeMode,
    pub(super) path: Option<String>,
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
        // Once per spec: what was published for a value before is known by its name.
        if let Some(desired) = desired
            && self.before.observed_generation != Some(self.generation())
        {
            self.tell_of_triggers(desired);
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
        let kept = self.kept(recorded);
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

    /// What the status says a start is to be made from. A path beside stateless is not it: it is there for its user, who
    /// may want to go back to what the job had when it ended.
    fn kept(&self, recorded: &Recorded) -> Restore {
        let mode = recorded.upgrade_mode();
        let job = self
            .status
            .job_status
            .as_ref()
            .filter(|_| mode != UpgradeMode::Stateless);
        Restore {
            mode,
            path: job.and_then(|job| job.upgrade_savepoint_path.clone()),
        }
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

    pub(super) fn show_task_managers(&mut self, desired: &Checked) {
        let replicas = (desired.job_state() == JobState::Running).then_some(desired.facts.task_managers);
        let name = self.name().to_owned();
        self.status.set_task_managers(&name, replicas);
    }

    /// `desired` as it is recorded: triggers that were not acted on yet are not recorded as done.
    pub(super) fn to_record(&self, desired: &Checked, restore: &Restore, state: JobState, first: bool) -> Recorded {
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
        let mut restore = self.kept(&recorded);
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
}

/// Whether `desired` is another spec than the one that is on its way, job state aside.
fn target_changed(recorded: &Recorded, desired: &Checked) -> bool {
    let mut spec = recorded.spec.clone();
    if let (Some(job), Some(wanted)) = (&mut spec.job, &desired.spec().job) {
        job.state = wanted.state;
    }
    diff::deployment(&spec, desired.spec()).map_or(true, |diff| diff.kind() > DiffKind::Ignore)
}
