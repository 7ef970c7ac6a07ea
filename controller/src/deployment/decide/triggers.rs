//! `savepointTriggerNonce` and `checkpointTriggerNonce`: this version takes no savepoint and no checkpoint, and says so.

use super::Draft;
use crate::deployment::event::{Component, EventDraft, Reason};
use crate::deployment::valid::Checked;

impl Draft<'_> {
    /// Tells of each trigger that `desired` asks for and that nothing comes of, once per value. A value that the
    /// resource was created with asks for nothing.
    pub(super) fn tell_of_triggers(&mut self, desired: &Checked) {
        let before = self.recorded.as_ref().and_then(|recorded| recorded.spec.job.as_ref());
        let (Some(before), Some(job)) = (before, &desired.spec().job) else {
            return;
        };
        let triggers = [
            (
                Reason::SavepointError,
                "savepointTriggerNonce",
                "savepoint",
                before.savepoint_trigger_nonce,
                job.savepoint_trigger_nonce,
            ),
            (
                Reason::CheckpointError,
                "checkpointTriggerNonce",
                "checkpoint",
                before.checkpoint_trigger_nonce,
                job.checkpoint_trigger_nonce,
            ),
        ];
        for (reason, field, what, handled, wanted) in triggers {
            let Some(nonce) = wanted.filter(|_| wanted != handled) else {
                continue;
            };
            let message = format!(
                "spec.job.{field} {nonce} is not carried out by this version of Sluice yet, no {what} was taken; \
                 take it yourself with POST /jobs/:jobid/{what}s of Flink's REST API"
            );
            self.events
                .push(EventDraft::warning(reason, Component::Operator, message).once(format!("{field}: {nonce}")));
        }
    }
}
