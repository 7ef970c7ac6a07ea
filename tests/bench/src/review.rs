//! The request that is sent: a new `FlinkDeployment` of some 5 kB, with what such resources have in practice.

use serde_json::{Value, json};

/// The object.
pub fn object() -> Value {
    let configuration: serde_json::Map<String, Value> = [
        ("taskmanager.numberOfTaskSlots", "4"),
        ("state.backend.type", "rocksdb"),
        (
            "execution.checkpointing.dir",
            "s3://flink-state/team-a/orders/checkpoints",
        ),
        (
            "execution.checkpointing.savepoint-dir",
            "s3://flink-state/team-a/orders/savepoints",
        ),
        ("execution.checkpointing.interval", "60 s"),
        ("execution.checkpointing.timeout", "10 min"),
        ("execution.checkpointing.min-pause", "30 s"),
        ("execution.checkpointing.incremental", "true"),
        (
            "execution.checkpointing.externalized-checkpoint-retention",
            "RETAIN_ON_CANCELLATION",
        ),
        ("high-availability.type", "kubernetes"),
        ("high-availability.storageDir", "s3://flink-state/team-a/orders/ha"),
        ("restart-strategy.type", "exponential-delay"),
        ("restart-strategy.exponential-delay.initial-backoff", "1 s"),
        ("restart-strategy.exponential-delay.max-backoff", "5 min"),
        ("taskmanager.memory.managed.fraction", "0.3"),
        ("taskmanager.memory.network.fraction", "0.1"),
        ("metrics.reporters", "prom"),
        (
            "metrics.reporter.prom.factory.class",
            "org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
        ),
        ("metrics.reporter.prom.port", "9249"),
        ("pipeline.max-parallelism", "720"),
        ("table.exec.state.ttl", "12 h"),
        ("rest.flamegraph.enabled", "true"),
        ("job.autoscaler.enabled", "false"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), Value::from(value)))
    .collect();
    let environment: Vec<Value> = (0..24)
        .map(|n| json!({ "name": format!("ORDERS_SETTING_{n:02}"), "value": format!("a value of an ordinary length, number {n}") }))
        .collect();
    json!({
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {
            "name": "orders", "namespace": "team-a",
            "labels": { "app.kubernetes.io/name": "orders", "app.kubernetes.io/part-of": "shop", "team": "a" },
            "annotations": { "description": "Reads orders from Kafka, joins them with payments, and writes what is due to the ledger." },
        },
        "spec": {
            "image": "registry.example.com/team-a/orders:1.42.0",
            "imagePullPolicy": "IfNotPresent",
            "flinkVersion": "v1_20",
            "serviceAccount": "flink",
            "flinkConfiguration": configuration,
            "podTemplate": {
                "apiVersion": "v1", "kind": "Pod",
                "metadata": { "labels": { "team": "a", "cost-centre": "4711" } },
                "spec": {
                    "containers": [{
                        "name": "flink-main-container",
                        "env": environment,
                        "volumeMounts": [
                            { "name": "scratch", "mountPath": "/opt/flink/scratch" },
                            { "name": "truststore", "mountPath": "/etc/truststore", "readOnly": true },
                        ],
                        "securityContext": { "allowPrivilegeEscalation": false, "runAsNonRoot": true },
                    }],
                    "volumes": [
                        { "name": "scratch", "emptyDir": { "sizeLimit": "20Gi" } },
                        { "name": "truststore", "secret": { "secretName": "kafka-truststore" } },
                    ],
                    "nodeSelector": { "kubernetes.io/arch": "amd64", "pool": "flink" },
                    "tolerations": [{ "key": "pool", "operator": "Equal", "value": "flink", "effect": "NoSchedule" }],
                },
            },
            "jobManager": { "replicas": 1, "resource": { "memory": "2048m", "cpu": 1 } },
            "taskManager": { "resource": { "memory": "8192m", "cpu": 4 } },
            "job": {
                "jarURI": "local:///opt/flink/usrlib/orders.jar",
                "entryClass": "com.example.orders.OrdersJob",
                "args": ["--bootstrap-servers", "kafka-0.kafka:9092,kafka-1.kafka:9092", "--topic", "orders", "--group", "ledger"],
                "parallelism": 8,
                "upgradeMode": "last-state",
                "state": "running",
            },
            "logConfiguration": {
                "log4j-console.properties": "rootLogger.level = INFO\nrootLogger.appenderRef.console.ref = ConsoleAppender\nappender.console.name = ConsoleAppender\nappender.console.type = CONSOLE\nappender.console.layout.type = PatternLayout\nappender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n\nlogger.kafka.name = org.apache.kafka\nlogger.kafka.level = WARN\n",
            },
        },
    })
}

/// The AdmissionReview, as the API server sends it.
pub fn body() -> String {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "flink.apache.org", "version": "v1beta1", "kind": "FlinkDeployment" },
            "resource": { "group": "flink.apache.org", "version": "v1beta1", "resource": "flinkdeployments" },
            "requestKind": { "group": "flink.apache.org", "version": "v1beta1", "kind": "FlinkDeployment" },
            "requestResource": { "group": "flink.apache.org", "version": "v1beta1", "resource": "flinkdeployments" },
            "name": "orders", "namespace": "team-a", "operation": "CREATE",
            "userInfo": { "username": "system:serviceaccount:team-a:ci", "groups": ["system:serviceaccounts", "system:authenticated"] },
            "object": object(), "oldObject": null, "dryRun": false,
            "options": { "apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions" },
        },
    })
    .to_string()
}
