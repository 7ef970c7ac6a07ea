//! Applies without a pause while something happens that no user may notice.

use std::time::Duration;

use kube::Client;
use kube::api::PostParams;
use sluice_shared::api::FlinkDeployment;

use crate::fixtures::tiny;
use crate::{Failure, Outcome, sluice};

/// Between two applies, so that the machine has time for what is tested.
const PAUSE: Duration = Duration::from_millis(30);

/// Server-side dry runs through the webhook, one after the other, until `event` has ended: gives what came of it, and how
/// many there were.
///
/// # Errors
/// When one of them is not accepted, or `event` fails.
pub async fn none_fails_during<T>(client: &Client, event: impl Future<Output = Outcome<T>>) -> Outcome<(T, usize)> {
    let api = sluice::deployments(client, "default");
    let object: FlinkDeployment = serde_json::from_value(tiny("stream"))?;
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut event = Box::pin(event);
    let mut applied = 0;
    loop {
        let apply = async {
            let answer = api.create(&params, &object).await;
            tokio::time::sleep(PAUSE).await;
            answer
        };
        tokio::select! {
            outcome = &mut event => return Ok((outcome?, applied)),
            answer = apply => {
                applied += 1;
                answer.map_err(|error| Failure(format!("apply number {applied} failed: {error}")))?;
            }
        }
    }
}
