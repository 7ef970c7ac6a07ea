//! What a user of `kubectl apply` meets: the real API server calls the real webhook.

use std::time::{Duration, Instant};

use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use sluice_e2e::certificates::ca_bundles;
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::{apply, dry_run, kubectl};
use sluice_e2e::fixtures::{tiny, with};
use sluice_e2e::stream::none_fails_during;
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Outcome, sluice};

const EXAMPLES: [&str; 2] = ["docs/examples/basic.yaml", "docs/examples/basic-flink-2.yaml"];

#[tokio::test]
async fn a_wrong_spec_is_refused_with_every_problem_and_its_fix() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "admission-wrong").await?;
    let output = apply(&namespace.name, &sluice::file("docs/examples/wrong.yaml")?).await?;
    assert!(!output.success, "accepted: {}", output.stdout);
    // All that a user sees of it.
    insta::assert_snapshot!(output.stderr, @r#"
    The FlinkDeployment "wrong-example" is invalid: 
    * spec.flinkVersion: flinkVersion is missing. Set flinkVersion to the version in the image, such as v1_20. [version-missing]
    * spec.flinkConfiguration[kubernetes.cluster-id]: kubernetes.cluster-id must not be set: it always follows the resource's name. Remove the key. [config-forbidden]
    * spec.logConfiguration[log4j.properties]: "log4j.properties" is no file that Flink's logging reads. Use log4j-console.properties or logback-console.xml. [logging-file-unknown]
    * spec.job.parallelism: the job's parallelism is 0. Set job.parallelism to 1 or more. [parallelism-missing]
    * spec.jobManager.resource.memory: the JobManager's memory "2 gigs" is no size. Write a size such as "2048m" or "2g" (powers of 1024), or a Kubernetes quantity such as "2Gi". [memory-unreadable]
    * spec.jobManager.replicas: there are 2 JobManagers, but high availability is off. Set high-availability.type: kubernetes and high-availability.storageDir, or jobManager.replicas: 1. [standby-needs-ha]
    * spec.serviceAccount: serviceAccount is missing. Set serviceAccount to the account that the chart creates (jobServiceAccount.name, "flink" unless changed). [service-account-missing]
    "#);
    let stored = sluice::deployments(&client, &namespace.name)
        .get_opt("wrong-example")
        .await?;
    assert!(stored.is_none(), "the refused resource was stored");
    namespace.remove().await
}

#[tokio::test]
async fn one_problem_or_two_read_well() -> Outcome {
    sluice::ensure_installed().await?;
    let one = with(tiny("one"), "/spec/job/parallelism", json!(0));
    let output = apply("default", &one.to_string()).await?;
    assert!(!output.success, "accepted: {}", output.stdout);
    insta::assert_snapshot!(output.stderr, @r#"The FlinkDeployment "one" is invalid: spec.job.parallelism: the job's parallelism is 0. Set job.parallelism to 1 or more. [parallelism-missing]"#);

    let two = with(one, "/spec/taskManager/resources/requests/memory", json!("768 megs"));
    let output = apply("default", &two.to_string()).await?;
    assert!(!output.success, "accepted: {}", output.stdout);
    insta::assert_snapshot!(output.stderr, @r#"
    The FlinkDeployment "one" is invalid: 
    * spec.job.parallelism: the job's parallelism is 0. Set job.parallelism to 1 or more. [parallelism-missing]
    * spec.taskManager.resources.requests.memory: "768 megs" is no quantity. Write a size such as "2048m" or "2g" (powers of 1024), or a Kubernetes quantity such as "2Gi". [quantity-unreadable]
    "#);
    Ok(())
}

#[tokio::test]
async fn warnings_are_shown_and_the_object_is_taken() -> Outcome {
    sluice::ensure_installed().await?;
    let risky = with(
        tiny("risky"),
        "/spec/flinkConfiguration/taskmanager.numberOfTaskSlot",
        json!("2"),
    );
    let output = dry_run("default", &risky.to_string()).await?;
    assert!(output.success, "{}", output.stderr);
    insta::assert_snapshot!(output.stderr, @r"
    Warning: spec.flinkConfiguration[taskmanager.numberOfTaskSlot]: Flink 1.20 has no option of this name. Did you mean taskmanager.numberOfTaskSlots? Then write that. [config-unknown]
    Warning: spec.flinkConfiguration[taskmanager.numberOfTaskSlots]: a TaskManager has 2 slots, but the job uses 1. Lower taskmanager.numberOfTaskSlots or taskManager.replicas, or raise job.parallelism. [slots-unused]
    ");
    Ok(())
}

#[tokio::test]
async fn the_examples_are_accepted() -> Outcome {
    sluice::ensure_installed().await?;
    // In `default`, the demo leaves one of them running.
    let namespace = TestNamespace::create(&client().await?, "examples").await?;
    for example in EXAMPLES {
        let output = dry_run(&namespace.name, &sluice::file(example)?).await?;
        assert!(output.success, "{example}: {}", output.stderr);
    }
    namespace.remove().await
}

#[tokio::test]
async fn all_four_kinds_are_checked() -> Outcome {
    sluice::ensure_installed().await?;
    let resource = |kind: &str, name: &str, spec: Value| json!({ "apiVersion": "flink.apache.org/v1beta1", "kind": kind, "metadata": { "name": name }, "spec": spec });
    let wrong = [
        (
            with(tiny("wrong"), "/spec/job/parallelism", json!(0)),
            "spec.job.parallelism",
        ),
        (
            resource("FlinkSessionJob", "wrong", json!({ "deploymentName": "nowhere" })),
            "spec.job",
        ),
        (
            resource(
                "FlinkStateSnapshot",
                "wrong",
                json!({ "savepoint": {}, "checkpoint": {} }),
            ),
            "checkpoint",
        ),
        (
            resource(
                "FlinkBlueGreenDeployment",
                "wrong",
                json!({ "template": { "spec": with(tiny("x"), "/spec/job/parallelism", json!(0))["spec"] } }),
            ),
            "spec.template.spec.job.parallelism",
        ),
    ];
    for (object, path) in wrong {
        let output = dry_run("default", &object.to_string()).await?;
        assert!(!output.success, "accepted: {object}");
        assert!(
            output.stderr.contains(path),
            "{path} is not named in:\n{}",
            output.stderr
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_session_job_gets_its_label() -> Outcome {
    sluice::ensure_installed().await?;
    let job = json!({
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkSessionJob",
        "metadata": { "name": "labelled" },
        "spec": {
            "deploymentName": "some-session",
            "job": { "jarURI": "https://192.0.2.1/job.jar", "parallelism": 1, "upgradeMode": "stateless" },
        },
    });
    let output = dry_run("default", &job.to_string())
        .await?
        .succeeded("kubectl create")?;
    let created: Value = serde_json::from_str(&output)?;
    assert_eq!(created["metadata"]["labels"]["target.session"], "some-session");
    Ok(())
}

#[tokio::test]
async fn no_apply_fails_while_the_webhook_restarts() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let ((), applied) = none_fails_during(&client, async {
        for _ in 0..2 {
            kubectl(&[
                "--namespace",
                sluice::NAMESPACE,
                "rollout",
                "restart",
                "deployment/sluice-webhook",
            ])
            .await?
            .succeeded("rollout restart")?;
            sluice::wait_webhook().await?;
        }
        Ok(())
    })
    .await?;
    assert!(
        applied > 50,
        "only {applied} applies while the webhook restarted twice: too few to show anything"
    );
    println!("{applied} applies during two rolling restarts, none failed");
    Ok(())
}

#[tokio::test]
async fn a_blanked_ca_bundle_is_put_back() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let before = ca_bundles(&client).await?;
    assert!(
        !before.is_empty() && before.iter().all(|bundle| !bundle.is_empty()),
        "there is no caBundle to begin with"
    );

    let blank = Patch::Json::<()>(serde_json::from_value(
        json!([{ "op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": "" }]),
    )?);
    validating.patch("sluice", &PatchParams::default(), &blank).await?;
    mutating.patch("sluice", &PatchParams::default(), &blank).await?;
    let start = Instant::now();
    until("the caBundle to be put back", Duration::from_secs(10), || async {
        let now = ca_bundles(&client).await?;
        Ok(if now == before {
            Seen::Yes(())
        } else {
            Seen::NotYet("another caBundle".to_owned())
        })
    })
    .await?;
    println!("put back after {:.2} s", start.elapsed().as_secs_f64());
    // The API server reads the configuration through a watch of its own: an accepted write shows that it has it again.
    until("the webhook to be called again", Duration::from_secs(10), || async {
        let output = dry_run("default", &tiny("after").to_string()).await?;
        Ok(if output.success {
            Seen::Yes(())
        } else {
            Seen::NotYet(output.stderr)
        })
    })
    .await?;
    Ok(())
}
