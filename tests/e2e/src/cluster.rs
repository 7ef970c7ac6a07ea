//! The cluster of `KUBECONFIG`.

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};

use crate::Outcome;

/// A client for the cluster of `KUBECONFIG`.
///
/// # Errors
/// When there is no usable kubeconfig.
pub async fn client() -> Outcome<Client> {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = kube::Config::infer().await.map_err(|e| crate::Failure(e.to_string()))?;
    Ok(Client::try_from(config)?)
}

/// A namespace for one test, with the service account `flink` that its JobManagers run as.
#[derive(Clone)]
pub struct TestNamespace {
    /// Its name.
    pub name: String,
    client: Client,
}

impl TestNamespace {
    /// Creates the namespace; one of the same name left by an earlier run is removed first.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn create(client: &Client, name: &str) -> Outcome<Self> {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace = Self {
            name: name.to_owned(),
            client: client.clone(),
        };
        namespace.remove().await?;
        let object = Namespace {
            metadata: named(name),
            ..Namespace::default()
        };
        namespaces.create(&PostParams::default(), &object).await?;
        job_account(client, name).await?;
        Ok(namespace)
    }

    /// Removes the namespace and waits until it is gone. Flink resources are removed first, so that the controller
    /// lets go of them while its accounts still exist.
    ///
    /// # Errors
    /// When it stays, or the API server refuses.
    pub async fn remove(&self) -> Outcome {
        use sluice_shared::api::FlinkDeployment;
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        if namespaces.get_opt(&self.name).await?.is_none() {
            return Ok(());
        }
        let deployments: Api<FlinkDeployment> = Api::namespaced(self.client.clone(), &self.name);
        // A cluster without the CRDs answers 404, and has none of them.
        let left = deployments
            .list(&kube::api::ListParams::default())
            .await
            .map(|list| list.items)
            .unwrap_or_default();
        for deployment in &left {
            let name = deployment.metadata.name.clone().unwrap_or_default();
            crate::objects::delete_and_wait(&deployments, &name).await?;
        }
        if let Err(error) = namespaces.delete(&self.name, &DeleteParams::background()).await
            && !matches!(&error, kube::Error::Api(status) if status.code == 404)
        {
            return Err(error.into());
        }
        crate::objects::wait_gone(&namespaces, &self.name).await
    }
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    }
}

/// Creates the service account `flink` with what a JobManager of native mode needs: its pods and ConfigMaps, and a look
/// at its own Deployment.
async fn job_account(client: &Client, namespace: &str) -> Outcome {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let roles: Api<Role> = Api::namespaced(client.clone(), namespace);
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), namespace);
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let account = ServiceAccount {
        metadata: named("flink"),
        ..ServiceAccount::default()
    };
    accounts.create(&PostParams::default(), &account).await?;
    let all = words(&[
        "get",
        "list",
        "watch",
        "create",
        "update",
        "patch",
        "delete",
        "deletecollection",
    ]);
    let role = Role {
        metadata: named("flink"),
        rules: Some(vec![
            PolicyRule {
                api_groups: Some(words(&[""])),
                resources: Some(words(&["pods", "configmaps"])),
                verbs: all.clone(),
                ..PolicyRule::default()
            },
            PolicyRule {
                api_groups: Some(words(&["apps"])),
                resources: Some(words(&["deployments", "deployments/finalizers"])),
                verbs: all,
                ..PolicyRule::default()
            },
        ]),
    };
    roles.create(&PostParams::default(), &role).await?;
    let binding = RoleBinding {
        metadata: named("flink"),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: "flink".to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: "flink".to_owned(),
            namespace: Some(namespace.to_owned()),
            ..Subject::default()
        }]),
    };
    bindings.create(&PostParams::default(), &binding).await?;
    Ok(())
}
