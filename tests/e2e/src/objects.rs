//! Looking at objects of the cluster.

use std::fmt::Debug;
use std::time::Duration;

use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde::de::DeserializeOwned;

use crate::Outcome;
use crate::wait::{Seen, until};

/// Limit for a deletion: Flink's pods get 30 s to end.
const GONE: Duration = Duration::from_secs(90);

/// Deletes an object and waits until it is gone.
///
/// # Errors
/// When it stays, or the API server refuses.
pub async fn delete_and_wait<K>(api: &Api<K>, name: &str) -> Outcome
where
    K: Clone + DeserializeOwned + Debug,
{
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => wait_gone(api, name).await,
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Waits until an object is gone.
///
/// # Errors
/// When it stays, or the API server refuses.
pub async fn wait_gone<K>(api: &Api<K>, name: &str) -> Outcome
where
    K: Clone + DeserializeOwned + Debug,
{
    until(&format!("{name} to be gone"), GONE, || async {
        Ok(match api.get_opt(name).await? {
            None => Seen::Yes(()),
            Some(_) => Seen::NotYet("it still exists".to_owned()),
        })
    })
    .await?;
    Ok(())
}

/// Objects with these labels.
///
/// # Errors
/// When the API server refuses.
pub async fn with_labels<K>(api: &Api<K>, labels: &str) -> Outcome<Vec<K>>
where
    K: Clone + DeserializeOwned + Debug,
{
    Ok(api.list(&ListParams::default().labels(labels)).await?.items)
}
