//! `docs/upstream-rules.md` against the table of rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::objects::{acted_on, changed, judge};
use crate::rules::{Kind, Severity, rule};

/// Rules of the Java operator.
const RULES: usize = 70;

/// Number, what it is about, and what we do, of each line of the table.
fn lines() -> Vec<(usize, String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/upstream-rules.md");
    let text = std::fs::read_to_string(path).unwrap();
    let cells = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = cells.first()?.parse().ok()?;
        assert_eq!(cells.len(), 3, "{line}");
        Some((number, cells[1].to_owned(), cells[2].to_owned()))
    });
    cells.collect()
}

fn codes(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_rule_of_the_java_operator_has_its_line() {
    let numbers: Vec<usize> = lines().into_iter().map(|(number, ..)| number).collect();
    assert_eq!(numbers, (1..=RULES).collect::<Vec<_>>());
}

#[test]
fn every_code_beside_one_exists_and_refuses_too() {
    let mut seen = BTreeSet::new();
    for (number, theirs, ours) in lines() {
        for code in codes(&ours) {
            let found = rule(code).unwrap_or_else(|| panic!("{number}: there is no rule {code}"));
            // What they refuse, we refuse.
            assert!(matches!(found.severity, Severity::Refuse(_)), "{number}: {code}");
            seen.insert(code.to_owned());
        }
        let is_left = ours.starts_with("not taken: ");
        assert_eq!(codes(&ours).next().is_none(), is_left, "{number}: {ours}");
        assert!(!theirs.is_empty(), "{number}");
    }
    assert!(seen.len() > 40, "{}", seen.len());
}

/// What one of their rules refuses: its number, a change of the good object, and where we find it.
struct Specimens(Vec<(usize, Kind, Value, &'static str)>);

impl Specimens {
    fn of(&mut self, number: usize, kind: Kind, spec: &Value, path: &'static str) -> &mut Self {
        self.0.push((number, kind, json!({ "spec": spec }), path));
        self
    }

    fn deployment(&mut self, number: usize, spec: &Value, path: &'static str) -> &mut Self {
        self.of(number, Kind::FlinkDeployment, spec, path)
    }

    fn session_job(&mut self, number: usize, spec: &Value, path: &'static str) -> &mut Self {
        self.of(number, Kind::FlinkSessionJob, spec, path)
    }

    /// `old` was acted on last.
    fn after(&mut self, number: usize, kind: Kind, (old, new): (&Value, &Value), path: &'static str) -> &mut Self {
        let object = json!({ "status": acted_on(kind, &json!({ "spec": old })), "spec": new });
        self.0.push((number, kind, object, path));
        self
    }

    /// What the rules of jobs refuse, in both kinds that have one.
    fn job(&mut self, number: usize, spec: &Value, path: &'static str) -> &mut Self {
        self.deployment(number, spec, path).session_job(number, spec, path)
    }

    /// An option of a job that is scaled.
    fn scaled(&mut self, number: usize, key: &str, text: &str) -> &mut Self {
        let mut options = Map::from_iter([
            ("job.autoscaler.enabled".to_owned(), json!("true")),
            (format!("job.autoscaler.{key}"), json!(text)),
        ]);
        // These count only where what they belong to is on.
        for (prefix, switch) in [
            ("observed-scalability.", "observed-scalability.enabled"),
            ("scaling.effectiveness.", "scaling.effectiveness.detection.enabled"),
            ("memory.tuning.", "memory.tuning.enabled"),
        ] {
            if key.starts_with(prefix) {
                options.insert(format!("job.autoscaler.{switch}"), json!("true"));
            }
        }
        let path: &'static str = format!("spec.flinkConfiguration[job.autoscaler.{key}]").leak();
        self.job(number, &json!({ "flinkConfiguration": options }), path)
    }
}

fn specimens() -> Vec<(usize, Kind, Value, &'static str)> {
    let mut specimens = Specimens(Vec::new());
    of_clusters(&mut specimens);
    of_jobs(&mut specimens);
    of_amounts(&mut specimens);
    of_changes(&mut specimens);
    of_the_autoscaler(&mut specimens);
    of_session_jobs_and_snapshots(&mut specimens);
    specimens.0
}

fn of_clusters(specimens: &mut Specimens) {
    let fd = Kind::FlinkDeployment;
    let set = |key: &str, text: &str| json!({ "flinkConfiguration": { key: text } });
    let name = json!({ "metadata": { "name": "My_Job" } });
    specimens.0.push((1, fd, name, "metadata.name"));
    specimens
        .deployment(2, &json!({ "flinkVersion": null }), "spec.flinkVersion")
        .deployment(3, &json!({ "flinkVersion": "v1_14" }), "spec.flinkVersion")
        .deployment(
            5,
            &set("kubernetes.namespace", "x"),
            "spec.flinkConfiguration[kubernetes.namespace]",
        )
        .deployment(
            5,
            &set("kubernetes.cluster-id", "x"),
            "spec.flinkConfiguration[kubernetes.cluster-id]",
        )
        .deployment(
            5,
            &set("high-availability.cluster-id", "x"),
            "spec.flinkConfiguration[high-availability.cluster-id]",
        )
        .session_job(
            5,
            &set("kubernetes.cluster-id", "x"),
            "spec.flinkConfiguration[kubernetes.cluster-id]",
        )
        .deployment(
            6,
            &set("kubernetes.operator.deployment.rollback.enabled", "true"),
            "spec.flinkConfiguration[kubernetes.operator.deployment.rollback.enabled]",
        )
        .deployment(
            7,
            &json!({ "flinkConfiguration": {
                "kubernetes.operator.cluster.health-check.enabled": "true",
                "kubernetes.operator.jm-deployment-recovery.enabled": "false",
            } }),
            "spec.flinkConfiguration[kubernetes.operator.cluster.health-check.enabled]",
        )
        .deployment(
            8,
            &json!({ "ingress": { "className": "nginx" } }),
            "spec.ingress.template",
        )
        .deployment(
            9,
            &json!({ "ingress": { "template": "example.com:port" } }),
            "spec.ingress.template",
        )
        .deployment(
            10,
            &json!({ "logConfiguration": { "log4j.properties": "a" } }),
            "spec.logConfiguration[log4j.properties]",
        )
        .deployment(41, &json!({ "serviceAccount": null }), "spec.serviceAccount");
}

fn of_jobs(specimens: &mut Specimens) {
    const PERIODIC: &str = "kubernetes.operator.periodic.savepoint.interval";
    const AGE: &str = "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age";
    for mode in ["last-state", "savepoint"] {
        specimens.job(
            11,
            &json!({ "job": { "upgradeMode": mode } }),
            "spec.flinkConfiguration[execution.checkpointing.dir]",
        );
    }
    specimens
        .job(
            12,
            &json!({ "job": { "upgradeMode": "savepoint" } }),
            "spec.flinkConfiguration[execution.checkpointing.savepoint-dir]",
        )
        .job(
            13,
            &json!({ "job": { "savepointTriggerNonce": 1 } }),
            "spec.job.savepointTriggerNonce",
        )
        .job(
            14,
            &json!({ "flinkConfiguration": { PERIODIC: "" } }),
            "spec.flinkConfiguration[kubernetes.operator.periodic.savepoint.interval]",
        )
        .job(
            15,
            &json!({ "flinkConfiguration": { AGE: "1 h" } }),
            "spec.flinkConfiguration[kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age]",
        )
        .deployment(
            16,
            &json!({ "taskManager": { "replicas": 0 } }),
            "spec.taskManager.replicas",
        )
        .job(17, &json!({ "job": { "parallelism": 0 } }), "spec.job.parallelism");
}

fn of_amounts(specimens: &mut Specimens) {
    let resources = |section: &str, name: &str, text: &str| {
        let mut resources = json!({ "requests": { "memory": "2g" } });
        super::merge(&mut resources, &json!({ section: { name: text } }));
        json!({ "resource": null, "resources": resources })
    };
    let above = |name: &str, request: &str, limit: &str| {
        let mut spec = resources("limits", name, limit);
        super::merge(&mut spec, &json!({ "resources": { "requests": { name: request } } }));
        spec
    };
    let (jm, tm) = ("jobManager", "taskManager");
    let short = |field: &str, text: &str| json!({ "resource": { field: text } });
    for (number, part, spec, field) in [
        (18, jm, Value::Null, "resource.memory"),
        (19, jm, short("memory", "two"), "resource.memory"),
        (20, jm, short("ephemeralStorage", "big"), "resource.ephemeralStorage"),
        (21, jm, resources("requests", "cpu", "lots"), "resources.requests.cpu"),
        (21, jm, resources("limits", "a.io/b", "lots"), "resources.limits.a.io/b"),
        (
            22,
            jm,
            resources("requests", "memory", "0"),
            "resources.requests.memory",
        ),
        (23, jm, resources("limits", "cpu", "0"), "resources.limits.cpu"),
        (24, jm, resources("limits", "a.io/b", "-1"), "resources.limits.a.io/b"),
        (25, jm, above("cpu", "2", "1"), "resources.requests.cpu"),
        (25, jm, above("memory", "3g", "2g"), "resources.requests.memory"),
        (26, jm, json!({ "replicas": 0 }), "replicas"),
        (27, jm, json!({ "replicas": 2 }), "replicas"),
        (28, tm, Value::Null, "resource.memory"),
        (29, tm, short("memory", "two"), "resource.memory"),
        (30, tm, short("ephemeralStorage", "big"), "resource.ephemeralStorage"),
        (31, tm, resources("limits", "cpu", "lots"), "resources.limits.cpu"),
        (32, tm, resources("limits", "memory", "0"), "resources.limits.memory"),
        (32, tm, resources("requests", "cpu", "0"), "resources.requests.cpu"),
        (
            33,
            tm,
            resources("requests", "a.io/b", "-1"),
            "resources.requests.a.io/b",
        ),
        (34, tm, above("cpu", "2", "1"), "resources.requests.cpu"),
        (34, tm, above("memory", "3g", "2g"), "resources.requests.memory"),
    ] {
        let path: &'static str = format!("spec.{part}.{field}").leak();
        specimens.deployment(number, &json!({ part: spec }), path);
    }
    let session = json!({ "job": null, "taskManager": { "replicas": 0 } });
    specimens.deployment(35, &session, "spec.taskManager.replicas");
}

fn of_changes(specimens: &mut Specimens) {
    let fd = Kind::FlinkDeployment;
    let stateful = json!({
        "flinkVersion": "v2_0",
        "job": { "upgradeMode": "last-state" },
        "flinkConfiguration": { "execution.checkpointing.dir": "s3://c" },
    });
    let suspended = json!({ "job": { "state": "suspended", "upgradeMode": "last-state" } });
    let standalone = json!({ "mode": "standalone" });
    let good = json!({});
    let session = json!({ "job": null });
    let redeployed = json!({ "job": { "savepointRedeployNonce": 1 } });
    specimens
        .after(4, fd, (&suspended, &stateful), "spec.flinkVersion")
        .after(36, fd, (&session, &good), "spec.job")
        .after(37, fd, (&good, &session), "spec.job")
        .after(38, fd, (&good, &standalone), "spec.mode")
        .after(39, fd, (&standalone, &good), "spec.mode")
        .after(40, fd, (&good, &redeployed), "spec.job.initialSavepointPath")
        .after(
            59,
            Kind::FlinkSessionJob,
            (&json!({ "deploymentName": "another" }), &good),
            "spec.deploymentName",
        );
}

fn of_the_autoscaler(specimens: &mut Specimens) {
    specimens
        .scaled(42, "scale-down.max-factor", "-0.1")
        .scaled(43, "scale-up.max-factor", "-0.1")
        .scaled(44, "utilization.target", "1.1")
        .scaled(44, "utilization.target", "-0.1")
        .scaled(45, "target.utilization.boundary", "-0.1")
        .scaled(46, "utilization.max", "0.69")
        .scaled(46, "utilization.max", "1.1")
        .scaled(47, "utilization.min", "0.71")
        .scaled(47, "utilization.min", "-0.1")
        .scaled(48, "memory.gc-pressure.threshold", "1.1")
        .scaled(48, "memory.gc-pressure.threshold", "-0.1")
        .scaled(49, "memory.heap-usage.threshold", "1.1")
        .scaled(49, "memory.heap-usage.threshold", "-0.1")
        .scaled(50, "observed-scalability.coefficient-min", "0.009")
        .scaled(50, "observed-scalability.coefficient-min", "1.1")
        .scaled(51, "scaling.effectiveness.threshold", "1.1")
        .scaled(51, "scaling.effectiveness.threshold", "-0.1")
        .scaled(52, "memory.tuning.overhead", "1.1")
        .scaled(52, "memory.tuning.overhead", "-0.1")
        .scaled(52, "memory.tuning.overhead", "a lot")
        .scaled(53, "excluded.periods", "9:00-10:00 && 11:00-12:00 && 13:00-14:00")
        .scaled(54, "excluded.periods", "nine to five")
        .scaled(55, "excluded.periods", "9:00-10:00 && 11:00-12:00")
        .scaled(55, "excluded.periods", "* * * ? * 1 && * * * ? * 2")
        .scaled(56, "metrics.window", "59 s");
}

fn of_session_jobs_and_snapshots(specimens: &mut Specimens) {
    const JAR: &str = "spec.job.jarURI";
    let jar = |uri: &str| json!({ "job": { "jarURI": uri } });
    let sn = Kind::FlinkStateSnapshot;
    specimens
        .session_job(57, &json!({ "deploymentName": "My_Session" }), "spec.deploymentName")
        .session_job(58, &json!({ "job": null }), "spec.job")
        .session_job(60, &jar("https://repo.example.com/a b.jar"), JAR)
        .session_job(60, &jar("https://repo.example.com/a[1].jar"), JAR)
        .session_job(61, &jar("/opt/flink/a.jar"), JAR)
        .session_job(62, &jar("file:///opt/flink/a.jar"), JAR)
        .session_job(63, &jar("https:///a.jar"), JAR)
        .session_job(66, &json!({ "deploymentName": "application" }), "spec.deploymentName")
        .of(68, sn, &json!({ "savepoint": null }), "spec")
        .of(68, sn, &json!({ "checkpoint": {} }), "spec")
        .of(69, sn, &json!({ "jobReference": null }), "spec.jobReference")
        .of(
            70,
            sn,
            &json!({ "jobReference": { "name": "nobody" } }),
            "spec.jobReference.name",
        );
    for address in [
        "127.0.0.1",
        "169.254.169.254",
        "10.0.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "[::1]",
        "[fe80::1]",
    ] {
        specimens.session_job(65, &jar(&format!("https://{address}/a.jar")), JAR);
    }
    let pending = json!({
        "spec": { "jobReference": { "name": "nobody" } },
        "status": { "state": "TRIGGER_PENDING" },
    });
    specimens.0.push((70, sn, pending, "spec.jobReference.name"));
}

/// Every number that is taken has an object which their rule refuses, and the codes beside it are those that we refuse it
/// by.
#[test]
fn what_they_refuse_is_refused_by_the_codes_beside_it() {
    let lines = lines();
    let mut wrong = String::new();
    let mut found: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for (number, kind, patch, path) in specimens() {
        let report = judge(kind, &changed(kind, &patch), None);
        let ours: Vec<&str> = codes(&lines[number - 1].2).collect();
        let here = report.violations.iter().filter(|violation| violation.path == path);
        let by: Vec<String> = here
            .map(|violation| violation.code.to_string())
            .filter(|code| ours.contains(&code.as_str()))
            .collect();
        if by.is_empty() {
            writeln!(
                wrong,
                "{number}: {kind} with {patch} is not refused at {path} by any of {ours:?}: {report}"
            )
            .unwrap();
        }
        found.entry(number).or_default().extend(by);
    }
    for (number, theirs, ours) in lines {
        let without: Vec<&str> = codes(&ours)
            .filter(|code| !found.get(&number).is_some_and(|by| by.contains(*code)))
            .collect();
        if !without.is_empty() {
            writeln!(wrong, "{number} ({theirs}): no specimen for {without:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
