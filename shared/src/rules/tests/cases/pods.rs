//! Pod templates and images.

use serde_json::{Value, json};

use super::Table;
use crate::rules::Kind;

pub(super) fn pods(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    let pod = |spec: Value| json!({ "podTemplate": { "spec": spec } });
    let container = |more: Value| {
        let mut all = json!({ "name": "sidecar", "image": "busybox:1" });
        super::super::merge(&mut all, &more);
        json!({ "podTemplate": { "spec": { "containers": [{ "name": "flink-main-container" }, all] } } })
    };
    table
        .rule("pod-template-type", kind)
        .spec(&json!({ "podTemplate": "x" }), &["spec.podTemplate"])
        .spec(&pod(json!({ "containers": {} })), &["spec.podTemplate.spec.containers"])
        .spec(
            &container(json!({ "env": [{ "name": "A", "value": 5 }] })),
            &["spec.podTemplate.spec.containers[1].env[0].value"],
        )
        .spec(
            &json!({ "jobManager": { "podTemplate": { "spec": { "terminationGracePeriodSeconds": "1" } } } }),
            &["spec.jobManager.podTemplate.spec.terminationGracePeriodSeconds"],
        )
        .spec(
            &json!({ "taskManager": { "podTemplate": { "metadata": { "labels": { "a": 1 } } } } }),
            &["spec.taskManager.podTemplate.metadata.labels.a"],
        )
        .spec(
            &pod(json!({ "volumes": "v", "tolerations": 1 })),
            &["spec.podTemplate.spec.tolerations", "spec.podTemplate.spec.volumes"],
        )
        .spec(&json!({ "podTemplate": null }), &[])
        .spec(&json!({ "podTemplate": {} }), &[])
        .spec(
            &json!({ "podTemplate": { "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "x" }, "status": {} } }),
            &[],
        )
        .spec(
            &container(json!({ "ports": [{ "containerPort": 80 }], "resources": { "limits": { "cpu": 1 } } })),
            &[],
        );
    table.rule("pod-template-type", Kind::FlinkBlueGreenDeployment).spec(
        &json!({ "template": { "spec": { "podTemplate": { "spec": 1 } } } }),
        &["spec.template.spec.podTemplate.spec"],
    );
    table
        .rule("pod-template-field-unknown", kind)
        .spec(&json!({ "podTemplate": { "specs": {} } }), &["spec.podTemplate.specs"])
        .spec(
            &container(json!({ "volumeMount": [] })),
            &["spec.podTemplate.spec.containers[1].volumeMount"],
        )
        .spec(
            &json!({ "taskManager": { "podTemplate": { "spec": { "nodeselector": { "a": "b" } } } } }),
            &["spec.taskManager.podTemplate.spec.nodeselector"],
        )
        .spec(&pod(json!({ "nodeSelector": { "any": "thing" } })), &[]);
    names(table);
    quantities(table);
    table
        .rule("pod-template-image", kind)
        .spec(
            &container(json!({ "image": "My Image" })),
            &["spec.podTemplate.spec.containers[1].image"],
        )
        .spec(
            &pod(json!({ "initContainers": [{ "name": "i", "image": "a:b:c" }] })),
            &["spec.podTemplate.spec.initContainers[0].image"],
        )
        .spec(
            &container(json!({ "image": "registry.example.com:5000/a/b:latest" })),
            &[],
        );
    main_container(table);
}

fn main_container(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    let pod = |spec: Value| json!({ "podTemplate": { "spec": spec } });
    table
        .rule("pod-template-main-container", kind)
        .spec(
            &pod(json!({ "containers": [{ "name": "flink-main-contaner" }] })),
            &["spec.podTemplate.spec.containers[0].name"],
        )
        .spec(
            &pod(json!({ "containers": [{ "name": "flink-main" }, { "name": "log-shipper" }] })),
            &[],
        );
    let main =
        |resources: Value| pod(json!({ "containers": [{ "name": "flink-main-container", "resources": resources }] }));
    table
        .rule("pod-template-resources-ignored", kind)
        .spec(
            &main(json!({ "requests": { "cpu": "1", "memory": "1Gi" }, "limits": { "nvidia.com/gpu": 1 } })),
            &[
                "spec.podTemplate.spec.containers[0].resources.requests.cpu",
                "spec.podTemplate.spec.containers[0].resources.requests.memory",
            ],
        )
        .spec(
            &main(json!({ "requests": { "memory": "16Gi" }, "limits": { "memory": "16Gi" } })),
            &[
                "spec.podTemplate.spec.containers[0].resources.requests.memory",
                "spec.podTemplate.spec.containers[0].resources.limits.memory",
            ],
        )
        .spec(
            &json!({ "taskManager": { "podTemplate": { "spec": { "containers": [
                { "name": "flink-main-container", "resources": { "requests": { "memory": "256Mi" } } },
            ] } } } }),
            &["spec.taskManager.podTemplate.spec.containers[0].resources.requests.memory"],
        )
        // Containers beside Flink have their own.
        .spec(
            &json!({ "podTemplate": { "spec": { "containers": [
                { "name": "sidecar", "resources": { "requests": { "cpu": "1", "memory": "16Gi" } } },
            ] } } }),
            &[],
        )
        .spec(&main(json!({ "limits": { "ephemeral-storage": "1Gi" } })), &[]);
}

fn names(table: &mut Table) {
    let pod = |spec: Value| json!({ "podTemplate": { "spec": spec } });
    table
        .rule("pod-template-name", Kind::FlinkDeployment)
        .spec(
            &pod(json!({ "containers": [{ "name": "Side_Car" }], "volumes": [{ "name": "a.b" }] })),
            &[
                "spec.podTemplate.spec.containers[0].name",
                "spec.podTemplate.spec.volumes[0].name",
            ],
        )
        .spec(
            &pod(json!({ "containers": [{ "name": "a" }], "initContainers": [{ "name": "a" }] })),
            &["spec.podTemplate.spec.initContainers[0].name"],
        )
        .spec(
            &pod(json!({ "volumes": [{ "name": "v" }, { "name": "v" }] })),
            &["spec.podTemplate.spec.volumes[1].name"],
        )
        .spec(
            &pod(json!({ "containers": [{ "name": "a".repeat(64) }] })),
            &["spec.podTemplate.spec.containers[0].name"],
        )
        // A volume may have the name of a container, and the templates' lists are merged.
        .spec(
            &pod(json!({ "containers": [{ "name": "a" }], "volumes": [{ "name": "a" }] })),
            &[],
        )
        .spec(&pod(json!({ "containers": [{ "env": [] }] })), &[])
        .spec(
            &json!({
                "podTemplate": { "spec": { "containers": [{ "name": "a" }] } },
                "jobManager": { "podTemplate": { "spec": { "containers": [{ "name": "a" }] } } },
            }),
            &[],
        );
}

fn quantities(table: &mut Table) {
    let sidecar = |resources: Value| json!({ "podTemplate": { "spec": { "containers": [{ "name": "sidecar", "resources": resources }] } } });
    table
        .rule("pod-template-quantity", Kind::FlinkDeployment)
        .spec(
            &sidecar(json!({ "requests": { "cpu": "lots" }, "limits": { "memory": "-1Gi" } })),
            &[
                "spec.podTemplate.spec.containers[0].resources.requests.cpu",
                "spec.podTemplate.spec.containers[0].resources.limits.memory",
            ],
        )
        .spec(
            &sidecar(
                json!({ "requests": { "cpu": 2, "memory": "1Gi" }, "limits": { "cpu": "1500m", "memory": "1Gi" } }),
            ),
            &["spec.podTemplate.spec.containers[0].resources.requests.cpu"],
        )
        .spec(
            &json!({ "podTemplate": { "spec": { "volumes": [{ "name": "v", "emptyDir": { "sizeLimit": "big" } }] } } }),
            &["spec.podTemplate.spec.volumes[0].emptyDir.sizeLimit"],
        )
        .spec(&sidecar(json!({ "requests": { "cpu": 0.5, "memory": "64Mi" } })), &[]);
}

pub(super) fn images(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    table
        .rule("image-invalid", kind)
        .spec(&json!({ "image": "Flink:1.20" }), &["spec.image"])
        .spec(
            &json!({ "image": "https://registry.example.com/flink:1.20" }),
            &["spec.image"],
        )
        .spec(&json!({ "image": "flink:1.20@sha256:12" }), &["spec.image"])
        .spec(
            &json!({ "image": "registry.example.com:5000/team/flink:1.20-java17" }),
            &[],
        )
        .spec(&json!({ "image": null }), &[])
        .spec(&json!({ "image": "" }), &[]);
    table
        .rule("image-pull-policy-unknown", kind)
        .spec(&json!({ "imagePullPolicy": "always" }), &["spec.imagePullPolicy"])
        .spec(&json!({ "imagePullPolicy": "IfNotPresent" }), &[])
        .spec(&json!({ "imagePullPolicy": "" }), &[]);
    table
        .rule("image-tag-mutable", kind)
        .spec(&json!({ "image": "flink" }), &["spec.image"])
        .spec(&json!({ "image": "registry.example.com:5000/flink" }), &["spec.image"])
        .spec(&json!({ "image": "flink:latest" }), &["spec.image"])
        .spec(
            &json!({ "image": format!("flink:latest@sha256:{}", "a".repeat(64)) }),
            &[],
        )
        .spec(&json!({ "image": format!("flink@sha256:{}", "0".repeat(64)) }), &[]);
    table.rule("image-tag-mutable", Kind::FlinkBlueGreenDeployment).spec(
        &json!({ "template": { "spec": { "image": "flink" } } }),
        &["spec.template.spec.image"],
    );
    let annotated = |kibibytes: usize| json!({ "metadata": { "annotations": { "a": "x".repeat(kibibytes * 1024) } } });
    table
        .rule("config-map-too-large", kind)
        .spec(
            &json!({ "logConfiguration": { "log4j-console.properties": "x".repeat(1024 * 1024) } }),
            &["spec.logConfiguration"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "env.java.opts.all": "x".repeat(1024 * 1024) } }),
            &["spec.flinkConfiguration"],
        )
        .spec(
            &json!({ "logConfiguration": { "log4j-console.properties": "x".repeat(1000 * 1024) } }),
            &[],
        )
        .spec(&json!({ "podTemplate": annotated(1024) }), &["spec.podTemplate"])
        .spec(&json!({ "podTemplate": annotated(1000) }), &[])
        .spec(
            &json!({ "podTemplate": annotated(400), "taskManager": { "podTemplate": annotated(700) } }),
            &["spec.taskManager.podTemplate"],
        )
        .spec(
            &json!({ "podTemplate": annotated(400), "taskManager": { "podTemplate": annotated(600) } }),
            &[],
        )
        // It is no part of a ConfigMap.
        .spec(&json!({ "jobManager": { "podTemplate": annotated(1024) } }), &[])
        .spec(&json!({ "mode": "standalone", "podTemplate": annotated(1024) }), &[]);
}
