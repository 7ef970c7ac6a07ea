//! What may differ, and why.

/// A place where what the client creates and what we create may differ, and why.
pub struct Difference {
    /// Flink versions in which it shows; empty for all.
    pub versions: &'static [&'static str],
    /// Cases in which it shows; empty for all.
    pub cases: &'static [&'static str],
    /// Kind and name of the object.
    pub object: &'static str,
    /// Where in the object; the configuration file (`{file}`) and the pod template count as parts of it.
    pub path: &'static str,
    /// Why that is right.
    pub why: &'static str,
}

const CONFIG: &str = "ConfigMap flink-config-equal";
const POD_TEMPLATE: &str = "ConfigMap pod-template-equal";
const APPLICATIONS: &[&str] = &["basic", "high-availability", "options"];
const COMMAND_LINE: &str =
    "bin/flink writes down that -d was not given; here nobody waits at a terminal, and Flink's defaults hold";
const NO_SAVEPOINT: &str = "bin/flink writes the absence of -s as defaults, and with them overrides the configuration";
const CLIENT_FILE: &str = "a path on the client's disk; the template itself travels in the Deployment or a ConfigMap";
const WHOLE_POD: &str = "the client ships the file as it is given; ours is a whole Pod, whatever the user left out";

/// Every difference that is allowed. A row that does not show where it should is as wrong as a difference without one.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        versions: &[],
        cases: APPLICATIONS,
        object: CONFIG,
        path: "/data/{file}/execution.attached",
        why: COMMAND_LINE,
    },
    Difference {
        versions: &[],
        cases: APPLICATIONS,
        object: CONFIG,
        path: "/data/{file}/execution.shutdown-on-attached-exit",
        why: COMMAND_LINE,
    },
    Difference {
        versions: &[],
        cases: APPLICATIONS,
        object: CONFIG,
        path: "/data/{file}/execution.state-recovery.claim-mode",
        why: NO_SAVEPOINT,
    },
    Difference {
        versions: &[],
        cases: APPLICATIONS,
        object: CONFIG,
        path: "/data/{file}/execution.state-recovery.ignore-unclaimed-state",
        why: NO_SAVEPOINT,
    },
    Difference {
        versions: &["v1_20"],
        cases: APPLICATIONS,
        object: CONFIG,
        path: "/data/{file}/pipeline.classpaths",
        why: "bin/flink writes its empty list of class paths; absent means the same",
    },
    Difference {
        versions: &[],
        cases: &[],
        object: CONFIG,
        path: "/data/{file}/kubernetes.pod-template-file.jobmanager",
        why: CLIENT_FILE,
    },
    Difference {
        versions: &[],
        cases: &["options"],
        object: CONFIG,
        path: "/data/{file}/kubernetes.pod-template-file.taskmanager",
        why: CLIENT_FILE,
    },
    Difference {
        versions: &[],
        cases: &["options"],
        object: POD_TEMPLATE,
        path: "/data/taskmanager-pod-template.yaml/apiVersion",
        why: WHOLE_POD,
    },
    Difference {
        versions: &[],
        cases: &["options"],
        object: POD_TEMPLATE,
        path: "/data/taskmanager-pod-template.yaml/kind",
        why: WHOLE_POD,
    },
];
