//! Modules from an OCI registry, by digest.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::TryStreamExt as _;
use oci_client::Reference;
use oci_client::client::{Certificate, CertificateEncoding, Client, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::{IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::engine::LONGEST_MODULE;
use crate::error::LoadError;
use crate::settings::Registries;

/// Media types of a module's layer: the CNCF's form of Wasm artefacts, and older ones that tools still write.
const LAYERS: [&str; 3] = [
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
];
/// Time to reach a registry.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest silence of a registry.
const SILENCE: Duration = Duration::from_secs(20);
/// Time for everything.
const ALL: Duration = Duration::from_mins(2);

/// Pulls the module at `reference` (`registry/repository@sha256:…`), and checks that it is the one.
///
/// # Errors
/// When it cannot be had, or is another.
pub async fn pull(reference: &str, registries: &Registries) -> Result<Vec<u8>, LoadError> {
    let failed = |reason: String| LoadError::Pull {
        reference: reference.to_owned(),
        reason,
    };
    let pulled = tokio::time::timeout(ALL, pull_from(reference, registries)).await;
    pulled
        .unwrap_or_else(|_| Err(format!("the registry did not send it within {} s", ALL.as_secs())))
        .map_err(failed)
}

async fn pull_from(text: &str, registries: &Registries) -> Result<Vec<u8>, String> {
    let reference: Reference = text.parse().map_err(|e| format!("it is no reference: {e}"))?;
    let digest = reference.digest().ok_or("it names no digest")?.to_owned();
    let registry = reference.resolve_registry().to_owned();
    let auth = match &registries.credentials {
        Some(file) => credentials(file, &registry)?,
        None => RegistryAuth::Anonymous,
    };
    let client = client(registries)?;
    let accepted = [OCI_IMAGE_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE];
    let (manifest, _) = client
        .pull_manifest_raw(&reference, &auth, &accepted)
        .await
        .map_err(|e| explain(&e))?;
    check(&manifest, &digest)?;
    let manifest: OciImageManifest = serde_json::from_slice(&manifest).map_err(|_| {
        "the digest is that of an index or of something else, not of one artefact's manifest".to_owned()
    })?;
    let layer = layer(&manifest)?;
    let bytes = blob(&client, &reference, layer).await?;
    check(&bytes, &layer.digest)?;
    Ok(bytes)
}

fn layer(manifest: &OciImageManifest) -> Result<&OciDescriptor, String> {
    let mut modules = manifest
        .layers
        .iter()
        .filter(|layer| LAYERS.contains(&layer.media_type.as_str()));
    match (modules.next(), modules.next()) {
        (Some(layer), None) => Ok(layer),
        (None, _) => Err(format!(
            "it has no layer of type {}; push it as `oras push REGISTRY/REPOSITORY plugin.wasm:application/wasm`",
            LAYERS[0]
        )),
        _ => Err("it has several modules; push one a reference".to_owned()),
    }
}

async fn blob(client: &Client, reference: &Reference, layer: &OciDescriptor) -> Result<Vec<u8>, String> {
    let too_long = || format!("the module is longer than {} MiB", LONGEST_MODULE / 1024 / 1024);
    let mut stream = client
        .pull_blob_stream(reference, layer)
        .await
        .map_err(|e| explain(&e))?;
    let mut bytes = Vec::new();
    while let Some(part) = stream.stream.try_next().await.map_err(|e| e.to_string())? {
        if bytes.len() + part.len() > LONGEST_MODULE {
            return Err(too_long());
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// Whether `bytes` are those of `digest`.
fn check(bytes: &[u8], digest: &str) -> Result<(), String> {
    let found = hex(&Sha256::digest(bytes));
    if digest.strip_prefix("sha256:") == Some(&found) {
        Ok(())
    } else {
        Err(format!(
            "the registry sent something else: its digest is sha256:{found}, not {digest}"
        ))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn client(registries: &Registries) -> Result<Client, String> {
    // Nothing is lost where the process has chosen one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let extra_root_certificates = match &registries.certificate_authorities {
        Some(path) => certificates(path)?,
        None => Vec::new(),
    };
    Client::try_from(ClientConfig {
        protocol: ClientProtocol::HttpsExcept(registries.plain_http.iter().cloned().collect()),
        extra_root_certificates,
        connect_timeout: Some(CONNECT),
        read_timeout: Some(SILENCE),
        user_agent: concat!("sluice/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    })
    .map_err(|e| explain(&e))
}

/// Each certificate of the file.
fn certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = std::fs::read_to_string(path)
        .map_err(|e| format!("cannot read registries.certificateAuthorities {}: {e}", path.display()))?;
    Ok(text
        .split_inclusive(END)
        .filter(|part| part.contains(END))
        .map(|part| Certificate {
            encoding: CertificateEncoding::Pem,
            data: part.as_bytes().to_vec(),
        })
        .collect())
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: HashMap<String, Entry>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
}

/// User and password for `registry`. No text of the file is repeated in errors.
fn credentials(file: &Path, registry: &str) -> Result<RegistryAuth, String> {
    let shown = file.display();
    let text = std::fs::read(file).map_err(|e| format!("cannot read registries.credentials {shown}: {e}"))?;
    let config: DockerConfig = serde_json::from_slice(&text).map_err(|e| {
        let (line, column) = (e.line(), e.column());
        format!("registries.credentials {shown} is no Docker configuration (line {line} column {column})")
    })?;
    // Docker itself wrote keys with scheme and path in its early days, and still does for Docker Hub.
    let host = |key: &str| {
        let key = key.split_once("://").map_or(key, |(_, rest)| rest);
        key.split('/').next().unwrap_or_default().to_owned()
    };
    let Some((_, entry)) = config.auths.iter().find(|(key, _)| host(key) == registry) else {
        return Ok(RegistryAuth::Anonymous);
    };
    if !entry.username.is_empty() {
        return Ok(RegistryAuth::Basic(entry.username.clone(), entry.password.clone()));
    }
    let decoded = BASE64
        .decode(entry.auth.trim())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|text| text.split_once(':')) {
        Some((user, password)) => Ok(RegistryAuth::Basic(user.to_owned(), password.to_owned())),
        None => Err(format!(
            "registries.credentials {shown}: auth of {registry} is not user:password in base64"
        )),
    }
}

/// What went wrong, for an administrator.
fn explain(error: &OciDistributionError) -> String {
    const CREDENTIALS: &str =
        "the registry does not let us: set registries.credentials to a file with user and password";
    match error {
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
            CREDENTIALS.to_owned()
        }
        OciDistributionError::ImageManifestNotFoundError(_) => "there is none of this digest".to_owned(),
        OciDistributionError::RegistryError { envelope, .. } => {
            let codes: Vec<&OciErrorCode> = envelope.errors.iter().map(|error| &error.code).collect();
            if codes
                .iter()
                .any(|c| matches!(c, OciErrorCode::Unauthorized | OciErrorCode::Denied))
            {
                CREDENTIALS.to_owned()
            } else if codes
                .iter()
                .any(|c| matches!(c, OciErrorCode::ManifestUnknown | OciErrorCode::NotFound))
            {
                "there is none of this digest".to_owned()
            } else if codes.iter().any(|c| matches!(c, OciErrorCode::NameUnknown)) {
                "there is no such repository".to_owned()
            } else {
                format!("the registry says {codes:?}")
            }
        }
        OciDistributionError::RequestError(error) => {
            let mut text = "the registry cannot be reached".to_owned();
            let mut cause = std::error::Error::source(error);
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            text
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        file
    }

    #[rstest]
    #[case::auth(r#"{"auths": {"reg:5000": {"auth": "dTpwOnE="}}}"#, "u")]
    #[case::plain(r#"{"auths": {"https://reg:5000/v1/": {"username": "u", "password": "p:q"}}}"#, "u")]
    fn credentials_are_found_by_host(#[case] text: &str, #[case] user: &str) {
        let found = credentials(written(text).path(), "reg:5000").expect("credentials");
        assert_eq!(found, RegistryAuth::Basic(user.to_owned(), "p:q".to_owned()));
    }

    #[test]
    fn who_is_not_named_is_anonymous() {
        let file = written(r#"{"auths": {"reg:5000": {"auth": "dTpw"}}}"#);
        assert_eq!(credentials(file.path(), "reg"), Ok(RegistryAuth::Anonymous));
    }

    #[rstest]
    #[case(r#"{"auths": {"reg": {"auth": "s3cr3t"}}}"#, "auth of reg is not user:password")]
    #[case("s3cr3t", "is no Docker configuration (line 1 column 1)")]
    fn a_wrong_file_is_named_and_not_shown(#[case] text: &str, #[case] expected: &str) {
        let error = credentials(written(text).path(), "reg").expect_err("wrong");
        assert!(error.contains(expected) && !error.contains("s3cr3t"), "{error}");
    }
}
