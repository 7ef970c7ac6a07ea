//! Keys and the catalogue.

use serde_json::{Value, json};

use super::Table;
use crate::rules::Kind;

fn with(version: &str, configuration: &Value) -> Value {
    json!({ "flinkVersion": version, "flinkConfiguration": configuration })
}

/// What users write of their own and of plugins is nobody's mistake.
fn free() -> Value {
    json!({
        "metrics.reporters": "prom",
        "metrics.reporter.prom.factory.class": "org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
        "metrics.reporter.prom.port": "9249",
        "s3.path.style.access": "true",
        "fs.s3a.aws.credentials.provider": "com.example.Provider",
        "containerized.taskmanager.env.LD_PRELOAD": "/usr/lib/libjemalloc.so",
        "kubernetes.taskmanager.labels.team": "a",
        "pipeline.global-job-parameters.date": "today",
        "external-resource.gpu.amount": "1",
        "kubernetes.operator.plugins.listeners.mine.class": "com.example.Listener",
        "job.autoscaler.enabled": "false",
        "job.autoscaler.metrics.custom-evaluator.mine.class": "com.example.Evaluator",
    })
}

pub(super) fn keys(table: &mut Table) {
    let misspelt = json!({ "taskmanager.numberOfTaskslots": "2" });
    table
        .rule("config-unknown", Kind::FlinkDeployment)
        .spec(
            &with("v1_20", &misspelt),
            &["spec.flinkConfiguration[taskmanager.numberOfTaskslots]"],
        )
        .spec(
            &with("v2_3", &misspelt),
            &["spec.flinkConfiguration[taskmanager.numberOfTaskslots]"],
        )
        .spec(
            &with(
                "v1_20",
                &json!({ "kubernetes.operator.job.restart.faild": "true", "com.example.mode": "a" }),
            ),
            &[
                "spec.flinkConfiguration[com.example.mode]",
                "spec.flinkConfiguration[kubernetes.operator.job.restart.faild]",
            ],
        )
        // Of a version that is newer than the catalogue nothing is said.
        .spec(&with("v2_4", &misspelt), &[])
        .spec(&with("v1_20", &free()), &[])
        .spec(&with("v2_3", &free()), &[]);
    table.rule("config-unknown", Kind::FlinkBlueGreenDeployment).spec(
        &json!({ "template": { "spec": { "flinkConfiguration": misspelt } } }),
        &["spec.template.spec.flinkConfiguration[taskmanager.numberOfTaskslots]"],
    );
    table.rule("job-config-unknown", Kind::FlinkSessionJob).spec(
        &json!({ "flinkConfiguration": { "pipeline.objectreuse": "true" } }),
        &["spec.flinkConfiguration[pipeline.objectreuse]"],
    );
    spellings(table);
    versions(table);
    lines(table);
    values(table);
}

fn spellings(table: &mut Table) {
    table
        .rule("config-deprecated", Kind::FlinkDeployment)
        .spec(
            &with(
                "v1_20",
                &json!({ "high-availability": "NONE", "state": { "checkpoints.dir": "s3://c" } }),
            ),
            &[
                "spec.flinkConfiguration[high-availability]",
                "spec.flinkConfiguration[state.checkpoints.dir]",
            ],
        )
        .spec(
            &with(
                "v1_20",
                &json!({
                    "state.savepoints.dir": "s3://old",
                    "execution.checkpointing.savepoint-dir": "s3://new",
                }),
            ),
            &["spec.flinkConfiguration[state.savepoints.dir]"],
        )
        .spec(
            &with(
                "v1_20",
                &json!({ "kubernetes.operator.session.block-on-unmanaged-jobs": "true" }),
            ),
            &["spec.flinkConfiguration[kubernetes.operator.session.block-on-unmanaged-jobs]"],
        )
        .spec(&with("v1_19", &json!({ "state.checkpoints.dir": "s3://c" })), &[])
        // A fall-back is as good as any.
        .spec(
            &with(
                "v1_20",
                &json!({ "kubernetes.service-account": "flink", "rest.port": "8081" }),
            ),
            &[],
        );
    table.rule("job-config-deprecated", Kind::FlinkSessionJob).spec(
        &json!({ "flinkConfiguration": { "pipeline.operator-chaining": "false" } }),
        &["spec.flinkConfiguration[pipeline.operator-chaining]"],
    )
    // The key itself is forbidden; its old spellings always did nothing.
    .spec(
        &json!({ "flinkConfiguration": { "high-availability.zookeeper.path.namespace": "/x" } }),
        &["spec.flinkConfiguration[high-availability.zookeeper.path.namespace]"],
    )
    .spec(
        &json!({ "deploymentName": "elsewhere", "flinkConfiguration": { "recovery.zookeeper.path.namespace": "/x" } }),
        &["spec.flinkConfiguration[recovery.zookeeper.path.namespace]"],
    );
}

fn versions(table: &mut Table) {
    table
        .rule("config-version", Kind::FlinkDeployment)
        .spec(
            &with("v1_19", &json!({ "execution.checkpointing.dir": "s3://c" })),
            &["spec.flinkConfiguration[execution.checkpointing.dir]"],
        )
        .spec(
            &with("v2_0", &json!({ "pipeline.registered-kryo-types": "com.example.A" })),
            &["spec.flinkConfiguration[pipeline.registered-kryo-types]"],
        )
        .spec(
            &with("v1_20", &json!({ "pipeline.registered-kryo-types": "com.example.A" })),
            &[],
        );
    table.rule("job-config-version", Kind::FlinkSessionJob).spec(
        &json!({ "flinkConfiguration": { "table.exec.async-lookup.key-ordered-enabled": "true" } }),
        &["spec.flinkConfiguration[table.exec.async-lookup.key-ordered-enabled]"],
    );
}

fn lines(table: &mut Table) {
    table
        .rule("config-value-cut", Kind::FlinkDeployment)
        .spec(
            &with(
                "v1_20",
                &json!({ "s3.secret-key": "ab#cd", "kubernetes.operator.warnings.disabled": "secret-in-configuration", "env.java.opts.all": "-Da=b\n-Dc=d\n" }),
            ),
            &[
                "spec.flinkConfiguration[env.java.opts.all]",
                "spec.flinkConfiguration[s3.secret-key]",
            ],
        )
        .spec(&with("v1_20", &json!({ "env.java.opts.all": "-Da=b\n" })), &[])
        .spec(
            &json!({ "flinkVersion": "v1_20", "job": { "args": ["--sql", "select 1 # all", "a\nb", "c: d"] } }),
            &["spec.job.args[1]", "spec.job.args[2]"],
        )
        .spec(
            &json!({ "flinkVersion": "v2_0", "job": { "args": ["select 1 # all"] } }),
            &[],
        )
        .spec(
            &with(
                "v1_20",
                &json!({ "kubernetes.operator.user.artifacts.http.header": "a:b#c", "kubernetes.operator.warnings.disabled": "secret-in-configuration" }),
            ),
            &[],
        )
        .spec(
            &with(
                "v2_0",
                &json!({ "s3.secret-key": "ab#cd", "kubernetes.operator.warnings.disabled": "secret-in-configuration", "env.java.opts.all": "-Da=b\n-Dc=d" }),
            ),
            &[],
        );
    table
        .rule("config-lines", Kind::FlinkDeployment)
        .spec(
            &with("v1_20", &json!({ "fs.a\nkubernetes.cluster-id": "x" })),
            &["spec.flinkConfiguration[fs.a kubernetes.cluster-id]"],
        )
        .spec(&with("v2_0", &json!({ "fs.a": "x\nkubernetes.cluster-id: y" })), &[]);
}

fn values(table: &mut Table) {
    table
        .rule("config-value", Kind::FlinkDeployment)
        .spec(
            &with(
                "v1_20",
                &json!({
                    "execution.checkpointing.interval": "PT10M",
                    "heartbeat.interval": "10 parsecs",
                    "kubernetes.rest-service.exposed.type": "Ingress",
                    "state.backend.rocksdb.memory.managed": "yes",
                    "restart-strategy.exponential-delay.backoff-multiplier": "twice",
                    "taskmanager.memory.segment-size": "32Ki",
                }),
            ),
            &[
                "spec.flinkConfiguration[execution.checkpointing.interval]",
                "spec.flinkConfiguration[heartbeat.interval]",
                "spec.flinkConfiguration[kubernetes.rest-service.exposed.type]",
                "spec.flinkConfiguration[restart-strategy.exponential-delay.backoff-multiplier]",
                "spec.flinkConfiguration[state.backend.rocksdb.memory.managed]",
                "spec.flinkConfiguration[taskmanager.memory.segment-size]",
            ],
        )
        .spec(
            &with(
                "v2_3",
                &json!({
                    "heartbeat.interval": "PT10S",
                    "heartbeat.timeout": 60000,
                    "execution.runtime-mode": "streaming",
                    "state.backend.rocksdb.memory.managed": "TRUE",
                    "pipeline.jars": ["local:///a.jar", "local:///b.jar"],
                    "pipeline.cached-files": "name:a,path:'s3://b/c'",
                }),
            ),
            &[],
        )
        // Before 2.0 the configuration is read line by line: white space falls off.
        .spec(
            &with("v1_20", &json!({ "blob.fetch.retries": " 5 ", "blob.server.port": "" })),
            &[],
        )
        .spec(
            &with("v2_0", &json!({ "blob.fetch.retries": " 5 " })),
            &["spec.flinkConfiguration[blob.fetch.retries]"],
        );
}
