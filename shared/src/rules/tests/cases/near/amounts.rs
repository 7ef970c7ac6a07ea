//! Amounts, replicas, and what every cluster has to say.

use serde_json::{Value, json};

use super::super::Table;
use super::{FD, HA, at, in_version, set};
use crate::rules::Kind;
use crate::rules::tests::merge;

/// Resources of the JobManager in the long form, with a memory size.
fn long(resources: &Value) -> Value {
    let mut all = json!({ "requests": { "memory": "2g" } });
    merge(&mut all, resources);
    json!({ "jobManager": { "resource": null, "resources": all } })
}

pub(super) fn amounts(table: &mut Table) {
    let short = |field: &str, text: &str| json!({ "jobManager": { "resource": { field: text } } });
    table.rule("memory-unreadable", FD);
    for wrong in ["2x", "-1g", "2.5.1g", "g", "2g2m"] {
        table.spec(&short("memory", wrong), &["spec.jobManager.resource.memory"]);
    }
    for right in ["2G", " 2048m ", "2.5Gi", "4194304k"] {
        table.spec(&short("memory", right), &[]);
    }
    table
        .rule("memory-impossible", FD)
        // There is a size, of which nothing is left.
        .spec(&short("memory", "0"), &["spec.jobManager.resource.memory"])
        .spec(&short("memory", "0 gb"), &["spec.jobManager.resource.memory"])
        .spec(
            &json!({ "taskManager": { "resource": { "memory": "0m" } } }),
            &["spec.taskManager.resource.memory"],
        )
        .spec(
            &in_version("v2_0", &short("memory", "100m")),
            &["spec.jobManager.resource.memory"],
        );
    table.rule("storage-unreadable", FD);
    for wrong in ["", "2 Gi", "2gi", "Gi", "1,5Gi"] {
        table.spec(
            &short("ephemeralStorage", wrong),
            &["spec.jobManager.resource.ephemeralStorage"],
        );
    }
    for right in ["0", "1.5Gi", "2e9", "500M"] {
        table.spec(&short("ephemeralStorage", right), &[]);
    }
    quantities(table);
    table
        .rule("standby-needs-ha", FD)
        .spec(
            &in_version("v2_0", &json!({ "jobManager": { "replicas": 2 } })),
            &["spec.jobManager.replicas"],
        )
        .spec(
            &json!({ "jobManager": { "replicas": 2 }, "flinkConfiguration": { HA: "none", "high-availability": "kubernetes" } }),
            &["spec.jobManager.replicas"],
        )
        .spec(
            &json!({ "jobManager": { "replicas": 2 }, "flinkConfiguration": { "high-availability": { "type": "zookeeper" } } }),
            &[],
        );
    table
        .rule("replicas-invalid", FD)
        // Also of a session cluster, and of one that runs by itself.
        .spec(
            &json!({ "job": null, "taskManager": { "replicas": 0 } }),
            &["spec.taskManager.replicas"],
        )
        .spec(
            &json!({ "mode": "standalone", "jobManager": { "replicas": 0 }, "taskManager": { "replicas": 1 } }),
            &["spec.jobManager.replicas"],
        )
        .spec(&json!({ "jobManager": { "replicas": null } }), &[]);
}

fn quantities(table: &mut Table) {
    const CPU: &[&str] = &["spec.jobManager.resources.requests.cpu"];
    const LIMIT: &[&str] = &["spec.jobManager.resources.limits.cpu"];
    table
        .rule("quantity-not-positive", FD)
        .spec(&long(&json!({ "requests": { "cpu": 0 } })), CPU)
        .spec(&long(&json!({ "limits": { "cpu": "-1m" } })), LIMIT)
        .spec(
            &long(&json!({ "requests": { "memory": "0Gi" } })),
            &["spec.jobManager.resources.requests.memory"],
        )
        .spec(&long(&json!({ "limits": { "cpu": "1n" } })), &[]);
    table
        .rule("quantity-negative", FD)
        .spec(
            &long(&json!({ "requests": { "hugepages-2Mi": "-2Mi" } })),
            &["spec.jobManager.resources.requests.hugepages-2Mi"],
        )
        .spec(&long(&json!({ "requests": { "hugepages-2Mi": "0" } })), &[]);
    table
        .rule("quantity-unreadable", FD)
        .spec(&long(&json!({ "limits": { "cpu": "" } })), LIMIT)
        .spec(&long(&json!({ "limits": { "cpu": "1 " } })), LIMIT)
        .spec(&long(&json!({ "limits": { "cpu": "1M" } })), &[])
        .spec(&long(&json!({ "limits": { "cpu": 0.5 } })), &[]);
    table
        .rule("request-above-limit", FD)
        .spec(
            &long(&json!({ "requests": { "cpu": "1.001" }, "limits": { "cpu": "1000m" } })),
            CPU,
        )
        .spec(
            &long(&json!({ "requests": { "cpu": 2 }, "limits": { "cpu": "1" } })),
            CPU,
        )
        .spec(
            &long(&json!({ "requests": { "cpu": "1.000" }, "limits": { "cpu": "1" } })),
            &[],
        )
        // Flink's g is Kubernetes' Gi.
        .spec(&long(&json!({ "limits": { "memory": "2Gi" } })), &[])
        .spec(
            &long(&json!({ "limits": { "memory": "2147483647" } })),
            &["spec.jobManager.resources.requests.memory"],
        );
    table
        .rule("resource-ignored", FD)
        .spec(
            &json!({ "taskManager": { "resources": { "limits": { "memory": "2Gi" } } } }),
            &["spec.taskManager.resource"],
        )
        .spec(
            &json!({ "taskManager": { "resources": { "limits": {}, "requests": null } } }),
            &[],
        )
        .spec(&json!({ "jobManager": { "resource": {}, "resources": null } }), &[]);
}

/// What every cluster has to say, and what none may.
pub(super) fn demands(table: &mut Table) {
    let of_template = |spec: Value| json!({ "template": { "spec": spec } });
    table
        .rule("service-account-missing", FD)
        // The pod template's is another's.
        .spec(
            &json!({ "serviceAccount": null, "podTemplate": { "spec": { "serviceAccountName": "flink" } } }),
            &["spec.serviceAccount"],
        )
        .spec(
            &json!({ "serviceAccount": null, "flinkConfiguration": { "kubernetes.service-account": "flink" } }),
            &["spec.serviceAccount"],
        )
        .spec(
            &json!({ "serviceAccount": null, "job": null }),
            &["spec.serviceAccount"],
        );
    table
        .rule("service-account-missing", Kind::FlinkBlueGreenDeployment)
        .spec(
            &of_template(json!({ "serviceAccount": null })),
            &["spec.template.spec.serviceAccount"],
        );
    table
        .rule("version-missing", FD)
        .spec(&json!({ "flinkVersion": null, "job": null }), &["spec.flinkVersion"]);
    table.rule("version-unsupported", Kind::FlinkBlueGreenDeployment).spec(
        &of_template(json!({ "flinkVersion": "v1_13" })),
        &["spec.template.spec.flinkVersion"],
    );
    table.rule("logging-file-unknown", FD);
    for (file, path) in [
        (
            "Log4j-console.properties",
            "spec.logConfiguration[Log4j-console.properties]",
        ),
        ("logback.xml", "spec.logConfiguration[logback.xml]"),
        ("log4j-console.yaml", "spec.logConfiguration[log4j-console.yaml]"),
        ("", "spec.logConfiguration[]"),
    ] {
        table.spec(
            &json!({ "logConfiguration": { file: "a" } }),
            Box::leak(Box::new([path])),
        );
    }
    table.rule("config-forbidden", FD);
    for key in [
        "kubernetes.namespace",
        "kubernetes.cluster-id",
        "high-availability.cluster-id",
    ] {
        table
            .spec(&in_version("v2_0", &set(json!({ key: "x" }))), at(key))
            .spec(&set(json!({ key: "" })), at(key));
    }
    table.rule("job-missing", Kind::FlinkSessionJob).spec(
        &json!({ "job": null, "deploymentName": "elsewhere", "restartNonce": 1 }),
        &["spec.job"],
    );
    table
        .rule("job-config-shape", Kind::FlinkSessionJob)
        .spec(&json!({ "flinkConfiguration": "a: b" }), &["spec.flinkConfiguration"])
        .spec(
            &json!({ "flinkConfiguration": { "pipeline": { "jars": [["a"]] } } }),
            &["spec.flinkConfiguration[pipeline.jars]"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "pipeline": { "jars": ["a", 1] } } }),
            &[],
        )
        .spec(&json!({ "flinkConfiguration": null }), &[]);
}
