//! The same path on Flink 2.3, whose configuration file is nested YAML.

use std::time::Duration;

use serde_json::json;
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::fixtures::{tiny, with};
use sluice_e2e::{Outcome, latency, sluice};

#[tokio::test]
async fn a_job_on_flink_2_3_is_stable() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "flink-2").await?;
    let resource = with(
        with(tiny("two"), "/spec/image", json!("flink:2.3")),
        "/spec/flinkVersion",
        json!("v2_3"),
    );
    let measured = latency::deploy(
        &client,
        &namespace.name,
        "two",
        &resource.to_string(),
        Duration::from_secs(150),
    )
    .await?;
    println!("{measured:?}");
    let found = sluice::deployments(&client, &namespace.name).get("two").await?;
    let info = found.status.unwrap_or_default().cluster_info.unwrap_or_default();
    assert!(
        info.get("flink-version")
            .is_some_and(|version| version.starts_with("2.3")),
        "{info:?}"
    );
    namespace.remove().await
}
