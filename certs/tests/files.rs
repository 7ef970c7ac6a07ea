//! Files as a kubelet volume brings them, and keys of every kind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

use std::fs;
use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SignatureAlgorithm,
};
use rstest::rstest;
use sluice_certs::files::FileSource;
use sluice_certs::{CertError, Current, pem};
use tokio::time::timeout;

fn self_signed(name: &str, algorithm: &'static SignatureAlgorithm) -> (String, String) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn publish(volume: &Path, certificate: &str, key: &str) {
    let files = [("tls.crt", certificate.as_bytes()), ("tls.key", key.as_bytes())];
    sluice_test_support::volume::publish(volume, &files).unwrap();
}

fn source(volume: &Path, current: &Current) -> FileSource {
    FileSource::new(volume.join("tls.crt"), volume.join("tls.key"), None, current.clone())
        .poll_every(Duration::from_millis(5))
}

async fn served(current: &Current, name: &str) {
    let mut views = current.subscribe();
    let has =
        |view: &sluice_certs::current::View| view.serving.as_ref().is_some_and(|serving| serving.dns_names == [name]);
    timeout(Duration::from_secs(10), views.wait_for(has))
        .await
        .unwrap_or_else(|_| panic!("{name} is not served within 10 s"))
        .unwrap();
}

#[tokio::test]
async fn symlink_swaps_are_seen_one_after_the_other() {
    let volume = tempfile::tempdir().unwrap();
    let current = Current::new();
    let publish = |generation: u32| {
        let (certificate, key) = self_signed(&format!("gen{generation}"), &PKCS_ECDSA_P256_SHA256);
        publish(volume.path(), &certificate, &key);
    };
    publish(0);
    let source = source(volume.path(), &current);
    source.load().unwrap();
    let run = tokio::spawn(source.run());
    for generation in 1..=5 {
        publish(generation);
        served(&current, &format!("gen{generation}")).await;
    }
    run.abort();
}

#[tokio::test]
async fn a_bad_pair_is_told_and_the_good_one_served_on_until_the_next_good_one() {
    let volume = tempfile::tempdir().unwrap();
    let current = Current::new();
    let (first, first_key) = self_signed("first", &PKCS_ECDSA_P256_SHA256);
    let (second, second_key) = self_signed("second", &PKCS_ECDSA_P256_SHA256);
    publish(volume.path(), &first, &first_key);
    let source = source(volume.path(), &current);
    source.load().unwrap();
    let run = tokio::spawn(source.run());
    publish(volume.path(), &second, &first_key);
    let mut views = current.subscribe();
    let problem = timeout(Duration::from_secs(10), views.wait_for(|view| view.problem.is_some()))
        .await
        .expect("told within 10 s")
        .unwrap()
        .clone();
    assert!(problem.problem.unwrap().contains("does not belong to the certificate"));
    assert_eq!(problem.serving.unwrap().dns_names, ["first"]);
    publish(volume.path(), &second, &second_key);
    served(&current, "second").await;
    assert_eq!(current.view().problem, None);
    run.abort();
}

#[rstest]
#[case::p256(&PKCS_ECDSA_P256_SHA256)]
#[case::p384(&PKCS_ECDSA_P384_SHA384)]
#[case::ed25519(&PKCS_ED25519)]
fn keys_that_are_taken(#[case] algorithm: &'static SignatureAlgorithm) {
    let (certificate, key) = self_signed("x", algorithm);
    pem::serving(certificate.as_bytes(), key.as_bytes(), "test").unwrap();
}

#[rstest]
#[case::rsa_pkcs1("rsa.crt", "rsa-pkcs1.key", "RSA PRIVATE KEY")]
#[case::rsa_pkcs8("rsa.crt", "rsa-pkcs8.key", "PRIVATE KEY")]
#[case::ec_sec1("ec.crt", "ec-sec1.key", "EC PRIVATE KEY")]
fn forms_of_keys_that_are_taken(#[case] certificate: &str, #[case] key: &str, #[case] label: &str) {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    let key = fs::read_to_string(keys.join(key)).unwrap();
    assert!(key.starts_with(&format!("-----BEGIN {label}-----")));
    let certificate = fs::read(keys.join(certificate)).unwrap();
    let serving = pem::serving(&certificate, key.as_bytes(), "test").unwrap();
    assert_eq!(serving.dns_names, ["x"]);
}

#[test]
fn a_chain_with_intermediates_is_kept_whole() {
    let ca = |name: &str| {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    };
    let root = CertifiedIssuer::self_signed(ca("root"), KeyPair::generate().unwrap()).unwrap();
    let middle = CertifiedIssuer::signed_by(ca("middle"), KeyPair::generate().unwrap(), &root).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["leaf".to_owned()])
        .unwrap()
        .signed_by(&key, &middle)
        .unwrap();
    let chain = leaf.pem() + &middle.pem() + &root.pem();
    let serving = pem::serving(chain.as_bytes(), key.serialize_pem().as_bytes(), "test").unwrap();
    assert_eq!(serving.key.cert.len(), 3);
    assert_eq!(serving.dns_names, ["leaf"]);
}

#[rstest]
#[case::empty("", "", "no certificate")]
#[case::text("hello", "", "no certificate")]
#[case::broken(
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "",
    "no private key"
)]
#[case::cut("-----BEGIN CERTIFICATE-----\nAAAA\n", "", "certificate")]
fn what_is_wrong_is_named(#[case] certificate: &str, #[case] key: &str, #[case] expected: &str) {
    let error = pem::serving(certificate.as_bytes(), key.as_bytes(), "/tls/tls.crt").unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("/tls/tls.crt: "), "{text}");
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_missing_file_is_named() {
    let error = FileSource::new(
        "/nonexistent/tls.crt".into(),
        "/nonexistent/tls.key".into(),
        None,
        Current::new(),
    )
    .load()
    .unwrap_err();
    assert!(matches!(error, CertError::Read { .. }));
    assert!(error.to_string().contains("/nonexistent/tls.crt"), "{error}");
}
