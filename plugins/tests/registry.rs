//! Plugins from a real registry: Debian's docker-registry, on the loopback device.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{Asked, host, writing};
use oci_client::Reference;
use oci_client::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;
use sluice_plugins::metrics::Metrics;
use sluice_plugins::settings::Registries;
use sluice_plugins::{Keeper, oci};
use sluice_shared::extension::Extensions;
use tempfile::TempDir;

/// A registry; it ends with the value.
struct Registry {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `ann` with the password `s3cr3t`, as htpasswd writes it.
const USERS: &str = "ann:$2b$04$abcdefghijklmnopqrstuu35fBIWlNgF8BcAW/t2cO158N8svSFHy\n";

impl Registry {
    fn start(with_users: bool) -> Self {
        let program = Command::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/tools/docker-registry.sh"
        ))
        .stderr(Stdio::inherit())
        .output()
        .expect("tests/tools/docker-registry.sh runs");
        assert!(program.status.success(), "docker-registry cannot be had");
        let program = String::from_utf8(program.stdout).expect("a path");
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        // Freed again for the registry, which cannot tell what port it got.
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a port");
        let auth = if with_users {
            std::fs::write(path("users"), USERS).expect("written");
            format!("auth:\n  htpasswd: {{realm: test, path: {}}}\n", path("users"))
        } else {
            String::new()
        };
        let config = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\nhttp: {{addr: '{address}'}}\n{auth}",
            path("storage")
        );
        std::fs::write(path("config.yml"), config).expect("written");
        let process = Command::new(program.trim())
            .args(["serve", &path("config.yml")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the registry starts");
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < Duration::from_mins(1), "the registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            process,
            address,
            folder,
        }
    }

    /// Pushes `module` as a layer of this type and gives the reference.
    async fn push(&self, repository: &str, module: &[u8], media_type: &str, auth: &RegistryAuth) -> String {
        let tagged: Reference = format!("{}/{repository}:v1", self.address)
            .parse()
            .expect("a reference");
        let client = Client::new(ClientConfig {
            protocol: ClientProtocol::Http,
            ..ClientConfig::default()
        });
        let layers = [ImageLayer::new(module.to_vec(), media_type.to_owned(), None)];
        let config = Config::new(b"{}".to_vec(), "application/vnd.wasm.config.v0+json".to_owned(), None);
        let manifest = OciImageManifest::build(&layers, &config, None);
        client
            .push(&tagged, &layers, config, auth, Some(manifest))
            .await
            .expect("pushed");
        let digest = client.fetch_manifest_digest(&tagged, auth).await.expect("a digest");
        format!("{}/{repository}@{digest}", self.address)
    }

    fn registries(&self) -> Registries {
        Registries {
            plain_http: [self.address.to_string()].into(),
            ..Registries::default()
        }
    }
}

fn module() -> Vec<u8> {
    wat::parse_str(writing(r#"{"warnings": [{"message": "from the registry"}]}"#)).expect("WebAssembly text")
}

fn install_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_comes_by_its_digest() {
    install_ring();
    let registry = Registry::start(false);
    let reference = registry
        .push("team/plugin", &module(), "application/wasm", &RegistryAuth::Anonymous)
        .await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plugins.yaml");
    let text = format!(
        "registries: {{plainHttp: ['{}']}}\nplugins:\n- name: pulled\n  source: {{oci: '{reference}'}}\n  timeout: 20 s\n",
        registry.address
    );
    std::fs::write(&file, text).expect("written");
    let extensions: Arc<Extensions> = Arc::default();
    let mut keeper = Keeper::new(&file, host(), Arc::clone(&extensions), Metrics::default()).expect("a keeper");
    let before = extensions.validate(&Asked::default().question());
    assert!(before.violations[0].message.contains("still being loaded"), "{before}");
    keeper.check().await;
    assert!(keeper.problems().is_empty(), "{:?}", keeper.problems());
    let report = extensions.validate(&Asked::default().question());
    assert_eq!(report.warnings[0].message, "from the registry");

    // What is in force stays without the registry.
    drop(registry);
    keeper.check().await;
    assert_eq!(extensions.validate(&Asked::default().question()), report);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    install_ring();
    let registry = Registry::start(false);
    let anonymous = RegistryAuth::Anonymous;
    let good = registry.push("p/good", &module(), "application/wasm", &anonymous).await;
    let image = registry
        .push(
            "p/image",
            &module(),
            "application/vnd.oci.image.layer.v1.tar",
            &anonymous,
        )
        .await;
    let registries = registry.registries();
    assert_eq!(oci::pull(&good, &registries).await, Ok(module()));

    let refused = async |reference: &str, registries: &Registries| {
        let error = oci::pull(reference, registries).await.expect_err("refused").to_string();
        assert!(error.starts_with(&format!("cannot pull {reference}: ")), "{error}");
        error
    };
    let error = refused(&image, &registries).await;
    assert!(
        error.contains("it has no layer of type application/wasm; push it as"),
        "{error}"
    );
    let unknown = format!("{}/p/good@sha256:{}", registry.address, "0".repeat(64));
    let error = refused(&unknown, &registries).await;
    assert!(error.contains("there is none of this digest"), "{error}");
    let error = refused(&good, &Registries::default()).await;
    assert!(error.contains("the registry cannot be reached"), "{error}");
    let closed = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port");
    let nobody = format!("{closed}/p@sha256:{}", "0".repeat(64));
    let plain = Registries {
        plain_http: [closed.to_string()].into(),
        ..Registries::default()
    };
    let error = refused(&nobody, &plain).await;
    assert!(error.contains("the registry cannot be reached"), "{error}");

    // Somebody changes the module in the registry's storage: it is another, whatever its name.
    let changed = change(&registry.folder.path().join("storage"), &module());
    assert_eq!(changed, 1);
    let error = refused(&good, &registries).await;
    assert!(error.contains("igest"), "{error}");
}

/// Replaces the last byte of files with these contents; how many there were.
fn change(folder: &Path, contents: &[u8]) -> usize {
    let entries = std::fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| {
            if path.is_dir() {
                return change(&path, contents);
            }
            let mut bytes = std::fs::read(&path).expect("readable");
            if bytes != contents {
                return 0;
            }
            *bytes.last_mut().expect("a byte") ^= 1;
            std::fs::write(&path, bytes).expect("written");
            1
        })
        .sum()
}

#[tokio::test]
async fn a_registry_with_users_is_shown_credentials() {
    install_ring();
    let registry = Registry::start(true);
    let ann = RegistryAuth::Basic("ann".to_owned(), "s3cr3t".to_owned());
    let reference = registry.push("p/closed", &module(), "application/wasm", &ann).await;
    let with = |name: &str, password: &str| {
        let file = registry.folder.path().join(name);
        let entry = format!(
            r#"{{"auths": {{"{}": {{"username": "ann", "password": "{password}"}}}}}}"#,
            registry.address
        );
        std::fs::write(&file, entry).expect("written");
        Registries {
            credentials: Some(file),
            ..registry.registries()
        }
    };
    assert_eq!(oci::pull(&reference, &with("right", "s3cr3t")).await, Ok(module()));
    for wrong in [registry.registries(), with("wrong", "wr0ng!")] {
        let error = oci::pull(&reference, &wrong).await.expect_err("refused").to_string();
        assert!(
            error.contains("the registry does not let us: set registries.credentials"),
            "{error}"
        );
        assert!(!error.contains("wr0ng!"), "{error}");
    }
}
