//! What a user of `kubectl apply` meets: the real API server calls the real webhook.

use std::time::{Duration, Instant};

use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::{apply, kubectl, run};
use sluice_e2e::fixtures::{tiny, with};
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Outcome, sluice};

const EXAMPLES: [&str; 2] = ["docs/examples/basic.yaml", "docs/examples/basic-flink-2.yaml"];

/// kubectl's answer to a server-side dry run of an object.
async fn dry_run(namespace: &str, object: &Value) -> Outcome<sluice_e2e::command::Output> {
    run(
        "kubectl",
        &["--namespace", namespace, "create", "--dry-run=server", "-f", "-"],
        Some(&object.to_string()),
    )
    .await
}

#[tokio::test]
async fn a_wrong_spec_is_refused_with_every_problem_and_its_fix() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "admission-wrong").await?;
    let output = apply(&namespace.name, &sluice::file("docs/examples/wrong.yaml")?).await?;
    assert!(!output.success, "accepted: {}", output.stdout);
    for problem in [
        "spec.flinkVersion",
        "kubernetes.cluster-id",
        "spec.serviceAccount",
        "log4j.properties",
        "spec.jobManager.resource.memory",
        "spec.jobManager.replicas",
        "spec.job.parallelism",
    ] {
        assert!(
            output.stderr.contains(problem),
            "{problem} is not named in:\n{}",
            output.stderr
        );
    }
    // kubectl prints the message of a Status, and with it the list of causes, where reason and details are those of a
    // validation error of Kubernetes itself.
    assert!(
        output.stderr.contains("is invalid") || output.stderr.contains("denied the request"),
        "{}",
        output.stderr
    );
    let stored = sluice::deployments(&client, &namespace.name)
        .get_opt("wrong-example")
        .await?;
    assert!(stored.is_none(), "the refused resource was stored");
    namespace.remove().await
}

#[tokio::test]
async fn the_examples_are_accepted() -> Outcome {
    sluice::ensure_installed().await?;
    for example in EXAMPLES {
        let output = run(
            "kubectl",
            &["--namespace", "default", "create", "--dry-run=server", "-f", "-"],
            Some(&sluice::file(example)?),
        )
        .await?;
        assert!(output.success, "{example}: {}", output.stderr);
    }
    Ok(())
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
        let output = dry_run("default", &object).await?;
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
    let arguments = [
        "--namespace",
        "default",
        "create",
        "--dry-run=server",
        "-o",
        "json",
        "-f",
        "-",
    ];
    let output = run("kubectl", &arguments, Some(&job.to_string()))
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
    let namespace = TestNamespace::create(&client, "admission-restart").await?;
    // Suspended, so that only admission is at work.
    let resource = with(tiny("stream"), "/spec/job/state", json!("suspended"));
    apply(&namespace.name, &resource.to_string())
        .await?
        .succeeded("kubectl apply")?;
    let resources = sluice::deployments(&client, &namespace.name);

    let restart = tokio::spawn(async {
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
            let status = [
                "--namespace",
                sluice::NAMESPACE,
                "rollout",
                "status",
                "deployment/sluice-webhook",
                "--timeout=120s",
            ];
            kubectl(&status).await?.succeeded("rollout status")?;
        }
        Ok::<(), sluice_e2e::Failure>(())
    });
    let mut applied = 0;
    while !restart.is_finished() {
        applied += 1;
        // A change of the spec each time, so that every apply passes through the webhook.
        let patch = json!({ "spec": { "job": { "args": ["--name", applied.to_string()] } } });
        resources
            .patch("stream", &PatchParams::default(), &Patch::Merge(&patch))
            .await?;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    restart.await.map_err(|e| sluice_e2e::Failure(e.to_string()))??;
    assert!(
        applied > 50,
        "only {applied} applies while the webhook restarted twice: too few to show anything"
    );
    println!("{applied} applies during two rolling restarts, none failed");
    namespace.remove().await
}

fn bundles(validating: &ValidatingWebhookConfiguration, mutating: &MutatingWebhookConfiguration) -> Vec<Vec<u8>> {
    let validating = validating
        .webhooks
        .iter()
        .flatten()
        .map(|webhook| &webhook.client_config);
    let mutating = mutating.webhooks.iter().flatten().map(|webhook| &webhook.client_config);
    validating
        .chain(mutating)
        .map(|config| {
            config
                .ca_bundle
                .as_ref()
                .map(|bundle| bundle.0.clone())
                .unwrap_or_default()
        })
        .collect()
}

#[tokio::test]
async fn a_blanked_ca_bundle_is_put_back() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let before = bundles(&validating.get("sluice").await?, &mutating.get("sluice").await?);
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
        let now = bundles(&validating.get("sluice").await?, &mutating.get("sluice").await?);
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
        let output = dry_run("default", &tiny("after")).await?;
        Ok(if output.success {
            Seen::Yes(())
        } else {
            Seen::NotYet(output.stderr)
        })
    })
    .await?;
    Ok(())
}
