//! Resources for tests: small ones, so that several fit on a two-core machine.

use serde_json::{Value, json};

/// A job that starts fast and needs little: the tests' own one in the Flink images.
pub const TINY_JOB: &str = "local:///opt/flink/examples/streaming/TinyJob.jar";

/// Options that make Flink start in half the CPU time, and its memory small.
fn lean_configuration() -> Value {
    json!({
        "taskmanager.numberOfTaskSlots": "2",
        // Two JVMs on two cores: the second compiler and parallel collectors only cost here.
        "env.java.opts.all": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xss512k",
        "jobmanager.memory.jvm-metaspace.size": "160m",
        "taskmanager.memory.jvm-metaspace.size": "160m",
        "taskmanager.memory.managed.size": "0m",
        "rest.flamegraph.enabled": "false",
    })
}

/// A `FlinkDeployment` of the tiny job. Requests are small so that it always fits, limits leave it the machine.
#[must_use]
pub fn tiny(name: &str) -> Value {
    let resources = |memory: &str| json!({ "requests": { "cpu": "0.1", "memory": memory }, "limits": { "cpu": "2", "memory": memory } });
    json!({
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": { "name": name },
        "spec": {
            "image": "flink:1.20",
            "flinkVersion": "v1_20",
            "serviceAccount": "flink",
            "flinkConfiguration": lean_configuration(),
            "jobManager": { "resources": resources("640m") },
            "taskManager": { "resources": resources("768m") },
            "job": { "jarURI": TINY_JOB, "parallelism": 1, "upgradeMode": "stateless" },
        },
    })
}

/// The same with one value set, at a JSON pointer below the resource.
#[must_use]
pub fn with(mut resource: Value, pointer: &str, value: Value) -> Value {
    if let Some((parent, name)) = pointer.rsplit_once('/')
        && let Some(Value::Object(members)) = resource.pointer_mut(parent)
    {
        members.insert(name.to_owned(), value);
    }
    resource
}
