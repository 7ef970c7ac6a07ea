//! `sluice audit` on a cluster that holds objects from before the webhook.

use k8s_openapi::api::core::v1::Event;
use kube::{Api, Client};
use serde_json::{Value, json};
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::{Output, apply, run};
use sluice_e2e::fixtures::{tiny, with};
use sluice_e2e::{Failure, Outcome, objects, sluice};

/// The command line that was built with this test, by the same cargo.
async fn audit(arguments: &[&str]) -> Outcome<Output> {
    let this = std::env::current_exe()?;
    let program = this
        .ancestors()
        .nth(2)
        .map(|folder| folder.join("sluice"))
        .filter(|program| program.is_file())
        .ok_or_else(|| Failure::new("there is no sluice beside this test: `cargo build --bin sluice` builds it"))?;
    run(&program.to_string_lossy(), &[&["audit"], arguments].concat(), None).await
}

async fn events(client: &Client, namespace: &str) -> Outcome<Vec<Event>> {
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let all = objects::with_labels(&events, "").await?;
    Ok(all
        .into_iter()
        .filter(|event| event.source.as_ref().and_then(|source| source.component.as_deref()) == Some("sluice-audit"))
        .collect())
}

#[tokio::test]
async fn objects_from_before_the_webhook_are_found() -> Outcome {
    sluice::install(&["webhook.create=false"]).await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "audit").await?;
    let clean = TestNamespace::create(&client, "audit-clean").await?;
    let suspended = |name: &str| with(tiny(name), "/spec/job/state", json!("suspended"));
    let mut wrong = with(suspended("wrong"), "/spec/job/parallelism", json!(0));
    wrong = with(wrong, "/spec/flinkConfiguration/kubernetes.cluster-id", json!("mine"));
    for (namespace, object) in [
        (&namespace, &wrong),
        (&namespace, &suspended("right")),
        (&clean, &suspended("right")),
    ] {
        apply(&namespace.name, &object.to_string())
            .await?
            .succeeded("kubectl apply without the webhook")?;
    }
    sluice::ensure_installed().await?;

    let text = audit(&["--namespace", "audit"]).await?;
    assert_eq!(text.code, Some(1), "{}{}", text.stdout, text.stderr);
    insta::assert_snapshot!(text.stdout, @r"
    audit/right: warning: FlinkDeployment: spec.flinkConfiguration[taskmanager.numberOfTaskSlots]: a TaskManager has 2 slots, but the job uses 1. Lower taskmanager.numberOfTaskSlots or taskManager.replicas, or raise job.parallelism. [slots-unused]
    audit/wrong: error: FlinkDeployment: spec.flinkConfiguration[kubernetes.cluster-id]: kubernetes.cluster-id must not be set: it always follows the resource's name. Remove the key. [config-forbidden]
    audit/wrong: error: FlinkDeployment: spec.job.parallelism: the job's parallelism is 0. Set job.parallelism to 1 or more. [parallelism-missing]
    2 objects, 2 errors, 1 warning
    ");

    let output = audit(&["--namespace", "audit", "--format", "json"]).await?;
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let found: Value = serde_json::from_str(&output.stdout)?;
    insta::assert_snapshot!(serde_json::to_string_pretty(&found)?, @r#"
    {
      "findings": [
        {
          "code": "slots-unused",
          "field": "spec.flinkConfiguration[taskmanager.numberOfTaskSlots]",
          "fix": "lower taskmanager.numberOfTaskSlots or taskManager.replicas, or raise job.parallelism",
          "kind": "FlinkDeployment",
          "level": "warning",
          "message": "a TaskManager has 2 slots, but the job uses 1",
          "name": "right",
          "namespace": "audit"
        },
        {
          "code": "config-forbidden",
          "field": "spec.flinkConfiguration[kubernetes.cluster-id]",
          "fix": "remove the key",
          "kind": "FlinkDeployment",
          "level": "error",
          "message": "kubernetes.cluster-id must not be set: it always follows the resource's name",
          "name": "wrong",
          "namespace": "audit"
        },
        {
          "code": "parallelism-missing",
          "field": "spec.job.parallelism",
          "fix": "set job.parallelism to 1 or more",
          "kind": "FlinkDeployment",
          "level": "error",
          "message": "the job's parallelism is 0",
          "name": "wrong",
          "namespace": "audit"
        }
      ],
      "problems": [],
      "summary": {
        "errors": 2,
        "notes": 0,
        "objects": 2,
        "otherDocuments": 0,
        "warnings": 1
      }
    }
    "#);

    let all_is_well = audit(&["--namespace", "audit-clean"]).await?;
    assert_eq!(
        all_is_well.code,
        Some(0),
        "{}{}",
        all_is_well.stdout,
        all_is_well.stderr
    );
    assert!(events(&client, "audit").await?.is_empty(), "written without --events");

    for count in 1..=2 {
        let output = audit(&["--namespace", "audit", "--events"]).await?;
        assert_eq!(output.code, Some(1), "{}", output.stderr);
        let [event] = &events(&client, "audit").await?[..] else {
            return Err(Failure::new("there is not one event"));
        };
        assert_eq!(event.involved_object.name.as_deref(), Some("wrong"));
        assert_eq!(event.reason.as_deref(), Some("ValidationError"));
        assert_eq!(event.type_.as_deref(), Some("Warning"));
        assert_eq!(event.count, Some(count));
        let message = event.message.clone().unwrap_or_default();
        for field in ["spec.job.parallelism", "kubernetes.cluster-id"] {
            assert!(message.contains(field), "{field} is not in {message}");
        }
    }
    clean.remove().await?;
    namespace.remove().await
}

#[tokio::test]
async fn a_cluster_that_the_kubeconfig_does_not_have_is_told() -> Outcome {
    sluice::ensure_installed().await?;
    let none = audit(&["--context", "no-such-context"]).await?;
    assert_eq!(none.code, Some(2), "{}{}", none.stdout, none.stderr);
    assert!(none.stderr.contains("--context"), "{}", none.stderr);
    Ok(())
}
