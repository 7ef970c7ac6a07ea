//! A plugin in WebAssembly, listed in the chart's values, its module in a ConfigMap; both change while Sluice runs.

use std::time::Duration;

use serde_json::json;
use sluice_e2e::command::{self, Output, kubectl, run};
use sluice_e2e::fixtures::{tiny, with};
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Outcome, sluice};

/// How long kubelet may take to bring a changed ConfigMap into pods, and Sluice to read it.
const RELOAD: Duration = Duration::from_mins(3);
const MODULES: &str = "plugin-modules";

/// kubectl's answer to a server-side dry run of a FlinkDeployment of this parallelism.
async fn dry_run(parallelism: i32) -> Outcome<Output> {
    let object = with(tiny("plugged"), "/spec/job/parallelism", json!(parallelism));
    // The plugin asks for periodic savepoints.
    let object = with(
        object,
        "/spec/flinkConfiguration/state.savepoints.dir",
        json!("s3://bucket/savepoints"),
    );
    command::dry_run("default", &object.to_string()).await
}

/// Installs Sluice with the example plugin, which allows so much parallelism.
async fn install(most: i32) -> Outcome<String> {
    let most = format!("plugins.list[0].settings.mostParallelism={most}");
    sluice::install(&[
        "plugins.list[0].name=team",
        "plugins.list[0].source.path=/plugins/plugin.wasm",
        "plugins.list[0].mutating=true",
        "plugins.list[0].timeout=2 s",
        "plugins.list[0].settings.savepointInterval=6 h",
        &most,
        "plugins.extraVolumes[0].name=modules",
        &format!("plugins.extraVolumes[0].configMap.name={MODULES}"),
        "plugins.extraVolumeMounts[0].name=modules",
        "plugins.extraVolumeMounts[0].mountPath=/plugins",
    ])
    .await
}

/// Brings the module into the cluster, as a user would.
async fn upload(file: &str) -> Outcome {
    let manifest = kubectl(&[
        "--namespace",
        sluice::NAMESPACE,
        "create",
        "configmap",
        MODULES,
        &format!("--from-file=plugin.wasm={file}"),
        "--dry-run=client",
        "-o",
        "json",
    ])
    .await?
    .succeeded("kubectl create configmap")?;
    run(
        "kubectl",
        &[
            "--namespace",
            sluice::NAMESPACE,
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            "-",
        ],
        Some(&manifest),
    )
    .await?
    .succeeded("kubectl apply")
    .map(|_| ())
}

async fn pods() -> Outcome<String> {
    let names = ["--namespace", sluice::NAMESPACE, "get", "pods", "-o", "name"];
    kubectl(&names).await?.succeeded("kubectl get pods")
}

#[tokio::test]
async fn a_plugin_judges_and_fills_in_and_changes_live() -> Outcome {
    sluice::ensure_installed().await?;
    let script = sluice::root().join("docs/examples/plugins/build.sh");
    let built = run(&script.to_string_lossy(), &[], None).await?.succeeded("build.sh")?;
    upload(&format!("{}/assemblyscript.wasm", built.trim())).await?;
    install(4).await?;

    // Old pods answer while they end.
    let (refused, _) = until("the plugin to refuse", RELOAD, || async {
        let output = dry_run(5).await?;
        Ok(if output.success {
            Seen::NotYet(output.stdout)
        } else {
            Seen::Yes(output)
        })
    })
    .await?;
    assert!(
        refused.stderr.contains("5 is more than the 4 that this cluster allows"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("[team/too-wide]"), "{}", refused.stderr);
    let accepted = dry_run(4).await?.succeeded("kubectl create")?;
    assert!(
        accepted.contains("\"kubernetes.operator.periodic.savepoint.interval\": \"6 h\""),
        "nothing was filled in: {accepted}"
    );

    // Other settings are in force without a restart.
    let before = pods().await?;
    install(8).await?;
    until("the new settings to be in force", RELOAD, || async {
        let output = dry_run(5).await?;
        Ok(if output.success {
            Seen::Yes(())
        } else {
            Seen::NotYet(output.stderr)
        })
    })
    .await?;
    let after = pods().await?;
    // Of those before, some may have been on their way out.
    let new: Vec<&str> = after
        .lines()
        .filter(|pod| !before.lines().any(|old| old == *pod))
        .collect();
    assert!(!after.is_empty() && new.is_empty(), "started anew: {new:?}");

    // A module that does not run leaves the one in force that does.
    let garbage = std::env::temp_dir().join("sluice-e2e-garbage.wasm");
    std::fs::write(&garbage, "garbage")?;
    upload(&garbage.to_string_lossy()).await?;
    until("the webhook to say that the module is bad", RELOAD, || async {
        let log = kubectl(&["--namespace", sluice::NAMESPACE, "logs", "deployment/sluice-webhook"])
            .await?
            .stdout;
        Ok(if log.contains("the module of before stays in force") {
            Seen::Yes(())
        } else {
            Seen::NotYet(log)
        })
    })
    .await?;
    assert!(!dry_run(9).await?.success, "the plugin is not in force any more");
    sluice::ensure_installed().await?;
    kubectl(&["--namespace", sluice::NAMESPACE, "delete", "configmap", MODULES])
        .await?
        .succeeded("kubectl delete")?;
    // Old pods answer while they end.
    until("Sluice to be without the plugin", RELOAD, || async {
        let output = dry_run(9).await?;
        Ok(if output.success {
            Seen::Yes(())
        } else {
            Seen::NotYet(output.stderr)
        })
    })
    .await?;
    Ok(())
}
