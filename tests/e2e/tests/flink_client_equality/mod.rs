//! Proof that a cluster built here is the one that Flink's own client would have created: the distribution's client
//! runs in a pod with the same effective configuration, and every object that it creates is compared with ours, after
//! the API server has put its defaults into both.

mod objects;
mod spec;
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use kube::api::{LogParams, PostParams};
use kube::{Api, Client, Resource};
use rstest::rstest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice_controller::cluster::{ClusterConfig, NativeCluster, Start, StartFrom, deploy_config, native};
use sluice_e2e::cluster::{self, TestNamespace};
use sluice_e2e::objects::delete_and_wait;
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Failure, Outcome, command};
use sluice_shared::api::FlinkDeployment;
use sluice_shared::config::{DefaultConfiguration, options};

use self::objects::{Found, Objects, add, differences, normalised};
use self::spec::spec;
use self::table::DIFFERENCES;

/// Name of the cluster.
const NAME: &str = "equal";
/// Where the client's configuration is mounted.
const CLIENT_DIR: &str = "/client";
/// The client needs its JVM and a few requests: 10 s of one core, much longer on a machine that has other things to do.
const CLIENT_LIMIT: Duration = Duration::from_mins(5);

#[rstest]
#[tokio::test]
async fn flinks_client_creates_the_same(
    #[values("v1_20", "v2_3")] version: &str,
    #[values("basic", "session", "high-availability", "options")] case: &str,
) -> Outcome {
    let client = cluster::client().await?;
    let namespace = format!("equality-{}-{case}", version.replace('_', "-"));
    let namespace = TestNamespace::create(&client, &namespace).await?;
    let result = compare(&client, &namespace.name, version, case).await;
    namespace.remove().await?;
    let found = result?;
    let applies = |list: &[&str], value: &str| list.is_empty() || list.contains(&value);
    let rows = DIFFERENCES
        .iter()
        .filter(|row| applies(row.versions, version) && applies(row.cases, case));
    let mut allowed: BTreeMap<(&str, String), &str> = rows
        .map(|row| ((row.object, row.path.replace("{file}", config_file(version))), row.why))
        .collect();
    let mut wrong = Vec::new();
    for difference in &found {
        let place = (difference.object.as_str(), difference.path.clone());
        if allowed.remove(&place).is_none() {
            wrong.push(format!(
                "{} {}: the client has {}, ours {}",
                difference.object, difference.path, difference.client, difference.ours
            ));
        }
    }
    for ((object, path), why) in allowed {
        wrong.push(format!("{object} {path} is listed as different ({why}), but is not"));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure(format!("{version} {case}:\n{}", wrong.join("\n"))))
    }
}

/// Lets the client create its objects, has the API server look at ours, and compares.
async fn compare(client: &Client, namespace: &str, version: &str, case: &str) -> Outcome<Vec<Found>> {
    let config = effective(client, namespace, version, case).await?;
    let ours = native::build(&config).map_err(|e| Failure(e.to_string()))?;
    run_client(client, namespace, &config, version, case).await?;
    let theirs = created_by_the_client(client, namespace).await?;
    let uid = theirs
        .get(&format!("Deployment {NAME}"))
        .and_then(|d| d["metadata"]["uid"].as_str())
        .ok_or_else(|| Failure(format!("the client created no Deployment {NAME}")))?
        .to_owned();
    remove(client, namespace, &theirs).await?;
    let ours = as_the_server_sees(client, namespace, &ours, &uid).await?;
    Ok(differences(&normalised(theirs)?, &normalised(ours)?))
}

/// The effective configuration of the case. A ConfigMap stands for the resource that owns the cluster, so that it needs
/// neither CRD nor controller.
async fn effective(client: &Client, namespace: &str, version: &str, case: &str) -> Outcome<ClusterConfig> {
    let owners: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let owner: ConfigMap = serde_json::from_value(json!({ "metadata": { "name": "owner" } }))?;
    let owner = owners.create(&PostParams::default(), &owner).await?;
    let deployment: FlinkDeployment = serde_json::from_value(json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": { "name": NAME, "namespace": namespace, "generation": 1, "uid": "unused" },
        "spec": spec(version, case)
    }))?;
    let logging = [
        ("log4j-console.properties", "rootLogger.level = INFO\n"),
        ("logback-console.xml", "<configuration/>\n"),
    ];
    let logging = logging.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let mut config =
        deploy_config(&deployment, &DefaultConfiguration::default(), &logging).map_err(|e| Failure(e.to_string()))?;
    if deployment.spec.job.is_some() {
        let start = Start {
            job_id: "0123456789abcdef0123456789abcdef",
            from: StartFrom::Nothing,
            unique: "unique",
        };
        config.start_with(&start).map_err(|e| Failure(e.to_string()))?;
    }
    let uid = owner.metadata.uid.unwrap_or_default();
    config.flink.set(
        options::JOB_MANAGER_OWNER_REFERENCE.key,
        format!("apiVersion:v1,blockOwnerDeletion:true,controller:false,kind:ConfigMap,name:owner,uid:{uid}"),
    );
    Ok(config)
}

/// Runs the distribution's client in a pod until it ends.
async fn run_client(client: &Client, namespace: &str, config: &ClusterConfig, version: &str, case: &str) -> Outcome {
    let role = json!([
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": { "name": "client", "namespace": namespace },
            "rules": [
                { "apiGroups": [""], "resources": ["services", "configmaps"], "verbs": ["*"] },
                { "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["*"] }
            ]
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": "client", "namespace": namespace },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "client" },
            "subjects": [{ "kind": "ServiceAccount", "name": "flink", "namespace": namespace }]
        }
    ]);
    for object in role.as_array().into_iter().flatten() {
        command::apply(namespace, &object.to_string())
            .await?
            .succeeded("kubectl apply")?;
    }
    let files: ConfigMap = serde_json::from_value(json!({
        "metadata": { "name": "client" },
        "data": client_files(config, version)
    }))?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    maps.create(&PostParams::default(), &files).await?;
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": "client" },
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": "flink",
            "volumes": [{ "name": "client", "configMap": { "name": "client" } }],
            "containers": [{
                "name": "client",
                "image": if version == "v2_3" { "flink:2.3" } else { "flink:1.20" },
                "imagePullPolicy": "IfNotPresent",
                "args": arguments(version, case),
                "env": [
                    { "name": "FLINK_CONF_DIR", "value": CLIENT_DIR },
                    { "name": "JVM_ARGS", "value": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1" }
                ],
                "volumeMounts": [{ "name": "client", "mountPath": CLIENT_DIR }]
            }]
        }
    }))?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    pods.create(&PostParams::default(), &pod).await?;
    let (succeeded, _) = until("Flink's client to end", CLIENT_LIMIT, || async {
        let phase = pods
            .get("client")
            .await?
            .status
            .and_then(|s| s.phase)
            .unwrap_or_default();
        Ok(match phase.as_str() {
            "Succeeded" => Seen::Yes(true),
            "Failed" => Seen::Yes(false),
            other => Seen::NotYet(format!("the pod is {other}")),
        })
    })
    .await?;
    if succeeded {
        return Ok(());
    }
    let log = pods.logs("client", &LogParams::default()).await?;
    Err(Failure(format!("Flink's client failed:\n{log}")))
}

/// The client's own command line. What the CLI knows no option for comes from the configuration.
fn arguments(version: &str, case: &str) -> Vec<&'static str> {
    if case == "session" {
        return vec!["kubernetes-session.sh"];
    }
    let action = if version == "v2_3" { "run" } else { "run-application" };
    let mut arguments = vec!["flink", action, "-t", "kubernetes-application", "-c", "TinyJob"];
    arguments.extend(["local:///opt/flink/examples/streaming/TinyJob.jar", "--text", "a b;c"]);
    arguments
}

/// The client's configuration directory.
fn client_files(config: &ClusterConfig, version: &str) -> BTreeMap<String, String> {
    let mut flink = config.flink.clone();
    let mut files = config.log_files.clone();
    for (option, name, template) in [
        (
            &options::JOB_MANAGER_POD_TEMPLATE,
            "jm.yaml",
            &config.job_manager_pod_template,
        ),
        (
            &options::TASK_MANAGER_POD_TEMPLATE,
            "tm.yaml",
            &config.task_manager_pod_template,
        ),
    ] {
        if let Some(template) = template {
            flink.set(option.key, format!("{CLIENT_DIR}/{name}"));
            // JSON is YAML.
            files.insert(name.to_owned(), template.to_string());
        }
    }
    // Written here by other means than those under test: Flink takes flat keys in either file.
    let lines: String = flink
        .iter()
        .map(|(key, value)| match version {
            "v2_3" => format!("{}: {}\n", Value::from(key), Value::from(value)),
            _ => format!("{key}: {value}\n"),
        })
        .collect();
    files.insert(config_file(version).to_owned(), lines);
    files
}

/// Name of the configuration file.
fn config_file(version: &str) -> &'static str {
    if version == "v2_3" {
        "config.yaml"
    } else {
        "flink-conf.yaml"
    }
}

async fn created_by_the_client(client: &Client, namespace: &str) -> Outcome<Objects> {
    let mut objects = Objects::new();
    let labels = format!("app={NAME}");
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    for object in sluice_e2e::objects::with_labels(&deployments, &labels).await? {
        add(&mut objects, &object)?;
    }
    for object in sluice_e2e::objects::with_labels(&services, &labels).await? {
        add(&mut objects, &object)?;
    }
    for object in sluice_e2e::objects::with_labels(&config_maps, &labels).await? {
        add(&mut objects, &object)?;
    }
    Ok(objects)
}

/// Makes room for ours.
async fn remove(client: &Client, namespace: &str, objects: &Objects) -> Outcome {
    for (kind, name) in objects.keys().filter_map(|key| key.split_once(' ')) {
        match kind {
            "Deployment" => delete_and_wait(&Api::<Deployment>::namespaced(client.clone(), namespace), name).await?,
            "Service" => delete_and_wait(&Api::<Service>::namespaced(client.clone(), namespace), name).await?,
            _ => delete_and_wait(&Api::<ConfigMap>::namespaced(client.clone(), namespace), name).await?,
        }
    }
    Ok(())
}

/// Our objects with the API server's defaults, without being created.
async fn as_the_server_sees(client: &Client, namespace: &str, ours: &NativeCluster, uid: &str) -> Outcome<Objects> {
    let owned = ours.owned_objects(uid);
    let mut objects = Objects::new();
    add(&mut objects, &dry_run(client, namespace, &ours.deployment).await?)?;
    for service in &owned.services {
        add(&mut objects, &dry_run(client, namespace, service).await?)?;
    }
    for config_map in &owned.config_maps {
        add(&mut objects, &dry_run(client, namespace, config_map).await?)?;
    }
    Ok(objects)
}

async fn dry_run<K>(client: &Client, namespace: &str, object: &K) -> Outcome<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Serialize
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    Ok(api.create(&parameters, object).await?)
}
