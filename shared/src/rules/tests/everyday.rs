//! What people run today stays accepted, and a mistake can always be mended.

use rstest::rstest;
use serde_json::{Value, json};

use super::cases::{Case, cases};
use super::objects::{changed, good, judge, merge};
use crate::rules::{Kind, Report};

fn state(mode: &str) -> Value {
    json!({
        "job": { "upgradeMode": mode, "allowNonRestoredState": false },
        "flinkConfiguration": {
            "execution.checkpointing.dir": "s3://bucket/checkpoints",
            "execution.checkpointing.savepoint-dir": "s3://bucket/savepoints",
            "execution.checkpointing.interval": "1 min",
            "high-availability.type": "kubernetes",
            "high-availability.storageDir": "s3://bucket/ha",
        },
    })
}

#[rstest]
#[case::session(json!({ "job": null }))]
#[case::standalone(json!({ "mode": "standalone", "taskManager": { "replicas": 1 } }))]
#[case::last_state(state("last-state"))]
#[case::savepoint(state("savepoint"))]
#[case::suspended(json!({ "job": { "state": "suspended" } }))]
#[case::standby({
    let mut spec = state("last-state");
    merge(&mut spec, &json!({ "jobManager": { "replicas": 2 } }));
    spec
})]
#[case::autoscaler(json!({ "flinkConfiguration": {
    "job.autoscaler.enabled": "true",
    "job.autoscaler.stabilization.interval": "1m",
    "job.autoscaler.metrics.window": "5m",
    "job.autoscaler.utilization.target": "0.6",
    "job.autoscaler.target.utilization.boundary": "0.2",
    "job.autoscaler.restart.time": "2m",
    "job.autoscaler.catch-up.duration": "5m",
    "pipeline.max-parallelism": "720",
    "jobmanager.scheduler": "adaptive",
} }))]
#[case::metrics(json!({ "flinkConfiguration": {
    "metrics.reporter.prom.factory.class": "org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
    "metrics.reporter.prom.port": "9249-9250",
} }))]
#[case::object_store(json!({ "flinkConfiguration": {
    "s3.endpoint": "http://minio:9000",
    "s3.path.style.access": "true",
    "fs.s3a.aws.credentials.provider": "com.amazonaws.auth.WebIdentityTokenCredentialsProvider",
} }))]
#[case::arguments(json!({ "job": {
    "entryClass": "com.example.Job",
    "args": ["--input", "kafka:9092", "--config", "/opt/job.yaml", "-Da=b", "--sql", "SELECT a FROM b WHERE c = 'd'"],
} }))]
#[case::python(json!({ "job": {
    "jarURI": "local:///opt/flink/opt/flink-python-1.20.0.jar",
    "entryClass": "org.apache.flink.client.python.PythonDriver",
    "args": ["-pyclientexec", "/usr/local/bin/python3", "-py", "/opt/flink/usrlib/demo.py"],
} }))]
#[case::logging(json!({ "logConfiguration": {
    "log4j-console.properties": "rootLogger.level = INFO\nrootLogger.appenderRef.console.ref = ConsoleAppender\n",
} }))]
#[case::pod(json!({ "podTemplate": {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": { "name": "pod-template", "labels": { "team": "a" } },
    "spec": {
        "serviceAccount": "flink",
        "initContainers": [{ "name": "fetch", "image": "busybox:1.36", "command": ["sh", "-c", "wget -O /jars/a.jar http://h/a.jar"] }],
        "containers": [
            {
                "name": "flink-main-container",
                "env": [{ "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": "database", "key": "password" } } }],
                "volumeMounts": [{ "mountPath": "/jars", "name": "jars" }],
            },
            { "name": "fluentbit", "image": "fluent/fluent-bit:1.9.6", "resources": { "requests": { "cpu": "100m" } } },
        ],
        "volumes": [{ "name": "jars", "emptyDir": { "sizeLimit": "1Gi" } }],
        "tolerations": [{ "key": "flink", "operator": "Exists" }],
    },
} }))]
fn what_runs_today_is_accepted_without_a_word(#[case] spec: Value) {
    for kind in [Kind::FlinkDeployment, Kind::FlinkBlueGreenDeployment] {
        let patch = match kind {
            // It has no session clusters.
            Kind::FlinkBlueGreenDeployment if spec["job"].is_null() && spec.get("job").is_some() => continue,
            Kind::FlinkBlueGreenDeployment => json!({ "spec": { "template": { "spec": spec } } }),
            _ => json!({ "spec": spec }),
        };
        let object = changed(kind, &patch);
        assert_eq!(judge(kind, &object, None), Report::default());
        assert_eq!(judge(kind, &object, Some(&good(kind))), Report::default());
        assert_eq!(judge(kind, &good(kind), Some(&object)), Report::default());
    }
}

#[test]
fn any_mistake_can_be_mended() {
    for Case {
        code,
        kind,
        patch,
        finds,
    } in cases()
    {
        // A snapshot stays what it was.
        if finds.is_empty() || kind == Kind::FlinkStateSnapshot {
            continue;
        }
        let report = judge(kind, &good(kind), Some(&changed(kind, &patch)));
        assert_eq!(report, Report::default(), "{code}: {patch}");
    }
}
