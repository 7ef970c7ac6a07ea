//! Where files of a container go, and whether they outlive it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::pod_template::MAIN_CONTAINER;
use crate::api::{FlinkDeploymentSpec, PodTemplate};
use crate::config::FlinkConfig;

/// Volumes that go with the pod (`VolumeSource` of the Kubernetes API).
const OF_THE_POD: [&str; 8] = [
    "configMap",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "gitRepo",
    "image",
    "projected",
    "secret",
];

/// What files go with; the worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Storage {
    /// The container, or its pod.
    Container,
    /// The node: a `hostPath` volume.
    Node,
    /// Neither.
    Lasting,
}

/// What files below `path` go with, in JobManager and TaskManagers, or in the JobManager where `job_manager_only`.
pub(super) fn at(spec: &FlinkDeploymentSpec, config: &FlinkConfig, path: &str, job_manager_only: bool) -> Storage {
    const CLAIMS: &str = "kubernetes.persistent-volume-claims";
    let in_one_line = config.get(CLAIMS).into_iter().flat_map(|claims| claims.split(','));
    let mut claimed = in_one_line
        .filter_map(|claim| Some(claim.split_once(':')?.1.trim()))
        .chain(
            config
                .with_prefix("kubernetes.persistent-volume-claims.")
                .map(|(_, folder)| folder),
        );
    if claimed.any(|folder| is_below(path, folder)) {
        return Storage::Lasting;
    }
    let common = spec.pod_template.as_ref().map(|template| &template.0);
    let job_manager = spec.job_manager.as_ref().and_then(|jm| jm.pod_template.as_ref());
    let task_manager = spec.task_manager.as_ref().and_then(|tm| tm.pod_template.as_ref());
    let job_manager = in_templates([common, job_manager.map(|template| &template.0)], path);
    if job_manager_only {
        return job_manager;
    }
    job_manager.min(in_templates([common, task_manager.map(|template| &template.0)], path))
}

/// The same for the pods that the common template and the component's own one make together.
fn in_templates(templates: [Option<&Value>; 2], path: &str) -> Storage {
    let elements = |list: &'static str| {
        templates
            .into_iter()
            .flatten()
            .filter_map(move |template| template.get("spec")?.get(list)?.as_array())
            .flatten()
            .filter_map(Value::as_object)
    };
    // Volumes of one template may be mounted by the other, and the component's own one counts.
    let volumes: BTreeMap<&str, Storage> = elements("volumes")
        .filter_map(|volume| Some((volume.get("name")?.as_str()?, of_volume(volume)?)))
        .collect();
    elements("containers")
        // A container without a name may get the main one's where templates are merged.
        .filter(|container| container.get("name").is_none_or(|name| name == MAIN_CONTAINER))
        .filter_map(|container| container.get("volumeMounts")?.as_array())
        .flatten()
        .filter_map(|mount| {
            let folder = mount.get("mountPath")?.as_str()?.trim_end_matches('/');
            let storage = *volumes.get(mount.get("name")?.as_str()?)?;
            is_below(path, folder).then_some((folder.len(), storage))
        })
        // The innermost mount is what the container sees.
        .max_by_key(|(depth, _)| *depth)
        .map_or(Storage::Container, |(_, storage)| storage)
}

/// `None` where the volume has no source, as an element has that only names one of the other template.
fn of_volume(volume: &Map<String, Value>) -> Option<Storage> {
    let is = |source: &str| volume.get(source).is_some_and(|value| !value.is_null());
    if OF_THE_POD.into_iter().any(is) {
        Some(Storage::Container)
    } else if is("hostPath") {
        Some(Storage::Node)
    } else {
        let mut sources = volume
            .iter()
            .filter(|(name, value)| *name != "name" && !value.is_null());
        sources.next().map(|_| Storage::Lasting)
    }
}

/// What rules read of the pod template of another object: its volumes, and where containers mount them.
#[must_use]
pub fn without_most(template: &PodTemplate) -> PodTemplate {
    let only = |value: &Value, names: &[&str]| -> Value {
        let members = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), value.get(name)?.clone())));
        Value::Object(members.collect())
    };
    let mut spec = template
        .0
        .get("spec")
        .map(|spec| only(spec, &["containers", "volumes"]));
    let containers = spec
        .as_mut()
        .and_then(|spec| spec.get_mut("containers")?.as_array_mut());
    for container in containers.into_iter().flatten() {
        *container = only(container, &["name", "volumeMounts"]);
    }
    PodTemplate(json!({ "spec": spec }))
}

/// Whether `path` is `folder` or lies in it.
fn is_below(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path in a container that `directory` names, or `None` where it names a store, itself or by `fs.default-scheme`.
pub(super) fn local_path_in<'d>(config: &FlinkConfig, directory: &'d str) -> Option<&'d str> {
    let path = local_path(directory)?;
    let has_scheme = !directory.trim_start().starts_with('/');
    let default = config.get("fs.default-scheme").unwrap_or_default().trim();
    (has_scheme || default.is_empty() || local_path(default).is_some()).then_some(path)
}

/// The same, where nothing is configured.
fn local_path(directory: &str) -> Option<&str> {
    let directory = directory.trim();
    if directory.starts_with('/') {
        return Some(directory);
    }
    let (scheme, rest) = directory.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("file") {
        return None;
    }
    // file:/a, file:///a, file://localhost/a
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.find('/').map(|at| &rest[at..]),
        None => Some(rest),
    };
    path.filter(|path| path.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("s3://bucket/a", None)]
    #[case("hdfs:///a", None)]
    #[case("file:///a/b", Some("/a/b"))]
    #[case("FILE:/a", Some("/a"))]
    #[case("file://localhost/a", Some("/a"))]
    #[case("/a", Some("/a"))]
    #[case("file:a", None)]
    #[case("file://", None)]
    #[case("relative", None)]
    #[case("", None)]
    fn local_paths(#[case] directory: &str, #[case] expected: Option<&str>) {
        assert_eq!(local_path(directory), expected);
    }

    #[rstest]
    #[case("/data/x", "/data", true)]
    #[case("/data", "/data/", true)]
    #[case("/database", "/data", false)]
    #[case("/x", "/", true)]
    #[case("/data", "/data/x", false)]
    fn below(#[case] path: &str, #[case] folder: &str, #[case] expected: bool) {
        assert_eq!(is_below(path, folder), expected);
    }

    #[rstest]
    #[case::claim(json!({ "persistentVolumeClaim": { "claimName": "c" } }), Some(Storage::Lasting))]
    #[case::nfs(json!({ "nfs": { "server": "s", "path": "/" } }), Some(Storage::Lasting))]
    #[case::csi(json!({ "csi": { "driver": "nfs.csi.k8s.io" } }), Some(Storage::Lasting))]
    #[case::host_path(json!({ "hostPath": { "path": "/x" } }), Some(Storage::Node))]
    #[case::empty_dir(json!({ "emptyDir": {} }), Some(Storage::Container))]
    #[case::ephemeral(json!({ "ephemeral": { "volumeClaimTemplate": {} } }), Some(Storage::Container))]
    #[case::config_map(json!({ "configMap": { "name": "c" } }), Some(Storage::Container))]
    #[case::secret(json!({ "secret": { "secretName": "s" } }), Some(Storage::Container))]
    #[case::downward(json!({ "downwardAPI": {} }), Some(Storage::Container))]
    #[case::projected(json!({ "projected": { "sources": [] } }), Some(Storage::Container))]
    #[case::image(json!({ "image": { "reference": "r" } }), Some(Storage::Container))]
    #[case::git(json!({ "gitRepo": { "repository": "r" } }), Some(Storage::Container))]
    #[case::null(json!({ "emptyDir": null, "nfs": {} }), Some(Storage::Lasting))]
    #[case::nothing(json!({ "name": "v" }), None)]
    fn volumes(#[case] volume: Value, #[case] expected: Option<Storage>) {
        assert_eq!(of_volume(volume.as_object().unwrap()), expected);
    }

    #[rstest]
    #[case::outer("/data/x", "/data", "/data/inner", Storage::Lasting)]
    #[case::inner("/data/inner/x", "/data", "/data/inner", Storage::Node)]
    #[case::neither("/other", "/data", "/data/inner", Storage::Container)]
    fn the_innermost_mount_counts(
        #[case] path: &str,
        #[case] claim: &str,
        #[case] host: &str,
        #[case] expected: Storage,
    ) {
        let common = json!({ "spec": { "volumes": [
            { "name": "a", "persistentVolumeClaim": { "claimName": "c" } },
            { "name": "b", "emptyDir": {} },
        ] } });
        let own = json!({ "spec": {
            "volumes": [{ "name": "b", "hostPath": { "path": "/" } }, { "name": "a" }],
            "containers": [
                { "name": "sidecar", "volumeMounts": [{ "name": "a", "mountPath": "/other" }] },
                { "name": "flink-main-container", "volumeMounts": [
                    { "name": "a", "mountPath": claim }, { "name": "b", "mountPath": host },
                ] },
            ],
        } });
        assert_eq!(in_templates([Some(&common), Some(&own)], path), expected);
    }

    #[test]
    fn of_another_objects_template_the_mounts_stay() {
        let template = json!({
            "metadata": { "labels": { "a": "b" } },
            "spec": {
                "serviceAccount": "x",
                "volumes": [{ "name": "v", "hostPath": { "path": "/" } }],
                "containers": [{ "name": "c", "env": [{ "name": "A", "value": "b" }], "volumeMounts": [{ "name": "v" }] }],
            },
        });
        let expected = json!({ "spec": {
            "volumes": [{ "name": "v", "hostPath": { "path": "/" } }],
            "containers": [{ "name": "c", "volumeMounts": [{ "name": "v" }] }],
        } });
        assert_eq!(without_most(&PodTemplate(template)).0, expected);
        assert_eq!(without_most(&PodTemplate(json!("odd"))).0, json!({ "spec": null }));
    }
}
