//! Reading what a cluster holds.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;
use sluice_shared::api::{
    ClusterFlinkPolicy, FlinkBlueGreenDeployment, FlinkDeployment, FlinkPolicy, FlinkSessionJob, FlinkStateSnapshot,
};
use sluice_shared::rules::Kind;

use super::explain;
use crate::check::Objects;
use crate::output::{Place, Problem};
use crate::own_rules::PolicyResource;

/// Objects an answer, as kubectl asks for.
const PAGE: u32 = 500;

/// The objects of a cluster.
#[derive(Debug, Default)]
pub struct Stored {
    /// By kind, namespace and name. As JSON: what the cluster holds need not fit our types.
    pub objects: Vec<(Kind, Value)>,
    /// The cluster's policies.
    pub policies: Vec<(PolicyResource, Value)>,
    /// What rules may ask for.
    pub known: Objects,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl Stored {
    /// Reads `namespace`, or all of them.
    pub async fn list(client: &Client, namespace: Option<&str>) -> Self {
        let mut stored = Self::default();
        let mut absent = 0;
        for kind in Kind::ALL {
            let resource = resource(kind);
            match list(client, &resource, namespace).await {
                Ok(objects) => {
                    stored.known.complete(kind);
                    for object in objects {
                        stored.known.add(kind, &object);
                        stored.objects.push((kind, object));
                    }
                }
                // A cluster need not have every kind.
                Err(kube::Error::Api(status)) if status.code == 404 => absent += 1,
                Err(error) => stored.fail(&error, &resource),
            }
        }
        if absent == Kind::ALL.len() {
            stored.problems.push(Problem {
                place: Place::Cluster("flink.apache.org".to_owned()),
                position: None,
                reason: "the cluster has none of its kinds; install the CRDs, or choose another cluster".to_owned(),
            });
        }
        stored.add_policies(client, namespace).await;
        stored.label(client, namespace).await;
        stored
    }

    fn fail(&mut self, error: &kube::Error, resource: &ApiResource) {
        self.problems.push(Problem {
            place: Place::Cluster(resource.plural.clone()),
            position: None,
            reason: explain(error, "list", &format!("{}.{}", resource.plural, resource.group)),
        });
    }

    /// Policies of the cluster, and of `namespace` or of all. A cluster where Sluice is not installed has none.
    async fn add_policies(&mut self, client: &Client, namespace: Option<&str>) {
        for policy in PolicyResource::ALL {
            let (resource, namespace) = match policy {
                PolicyResource::ClusterFlinkPolicy => (ApiResource::erase::<ClusterFlinkPolicy>(&()), None),
                PolicyResource::FlinkPolicy => (ApiResource::erase::<FlinkPolicy>(&()), namespace),
            };
            match list(client, &resource, namespace).await {
                Ok(objects) => self.policies.extend(objects.into_iter().map(|object| (policy, object))),
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => self.fail(&error, &resource),
            }
        }
    }

    /// Labels of namespaces, for policies. Whoever may not read them does without, as where there is no cluster.
    async fn label(&mut self, client: &Client, namespace: Option<&str>) {
        let api: Api<Namespace> = Api::all(client.clone());
        let namespaces = match namespace {
            Some(name) => api.get(name).await.map(|namespace| vec![namespace]),
            None => api.list(&ListParams::default()).await.map(|list| list.items),
        };
        for namespace in namespaces.unwrap_or_default() {
            self.known.label(namespace.name_any(), namespace.labels().clone());
        }
    }
}

/// The resource of `kind`.
pub fn resource(kind: Kind) -> ApiResource {
    match kind {
        Kind::FlinkDeployment => ApiResource::erase::<FlinkDeployment>(&()),
        Kind::FlinkSessionJob => ApiResource::erase::<FlinkSessionJob>(&()),
        Kind::FlinkStateSnapshot => ApiResource::erase::<FlinkStateSnapshot>(&()),
        Kind::FlinkBlueGreenDeployment => ApiResource::erase::<FlinkBlueGreenDeployment>(&()),
    }
}

async fn list(client: &Client, resource: &ApiResource, namespace: Option<&str>) -> Result<Vec<Value>, kube::Error> {
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    };
    let mut objects = Vec::new();
    let mut parameters = ListParams::default().limit(PAGE);
    loop {
        let page = api.list(&parameters).await?;
        for object in page.items {
            let mut object = serde_json::to_value(object).map_err(kube::Error::SerdeError)?;
            // The items of a list do not say what they are.
            object["apiVersion"] = resource.api_version.as_str().into();
            object["kind"] = resource.kind.as_str().into();
            objects.push(object);
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(objects),
        }
    }
}
