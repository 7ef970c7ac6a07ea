//! Replicas that share a Secret, against an API server in memory with the real one's rules: create of what exists and
//! update of another resourceVersion are refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{ApiServer, Hands, Log, assert_ever_slower, ca_of, source, source_for};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use sluice_certs::ca_bundle::BundleState;
use sluice_certs::plan::SETTLE;
use sluice_certs::{CertError, Current, pem};
use time::{Duration, OffsetDateTime};
use tokio::sync::{Barrier, watch};

#[tokio::test]
async fn two_replicas_that_start_at_once_agree_on_one_ca() {
    let mut server = ApiServer {
        reads_meet: Some(Arc::new(Barrier::new(2))),
        ..ApiServer::default()
    };
    let (first, second) = (Current::new(), Current::new());
    let (a, b) = (source(&server, &first), source(&server, &second));
    // The loser reads a second time; it shall not wait for the winner then, who reads no more.
    let late = {
        let server = server.clone();
        async move {
            let barrier = server.reads_meet.clone().unwrap();
            barrier.wait().await;
        }
    };
    let both = async { tokio::join!(a.reconcile(), b.reconcile()) };
    let ((one, two), ()) = tokio::join!(both, async {
        // Meets the loser's second read.
        while server.writes().is_empty() {
            tokio::task::yield_now().await;
        }
        late.await;
    });
    one.unwrap();
    two.unwrap();
    server.reads_meet = None;
    assert_eq!(server.writes(), ["create"], "one replica wrote, the other took it");
    assert_eq!(ca_of(&first), ca_of(&second));
    assert_eq!(ca_of(&first), server.stored()["ca.crt"]);
    let leaf = |current: &Current| current.view().serving.unwrap().leaf().to_vec();
    assert_eq!(leaf(&first), leaf(&second));
}

#[tokio::test]
async fn the_secret_is_laid_out_as_cert_manager_does() {
    let server = ApiServer::default();
    source(&server, &Current::new()).reconcile().await.unwrap();
    let secret = server.state.lock().unwrap().secret.clone().unwrap();
    assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/tls"));
    assert_eq!(secret.metadata.name.as_deref(), Some("sluice-webhook-tls"));
    let keys: Vec<String> = server.stored().into_keys().collect();
    assert_eq!(keys, ["ca.crt", "ca.key", "tls.crt", "tls.key"]);
}

#[tokio::test]
async fn what_is_good_is_left_alone() {
    let server = ApiServer::default();
    source(&server, &Current::new()).reconcile().await.unwrap();
    let current = Current::new();
    source(&server, &current).reconcile().await.unwrap();
    source(&server, &current).reconcile().await.unwrap();
    assert_eq!(server.writes(), ["create"]);
    assert_eq!(ca_of(&current), server.stored()["ca.crt"]);
}

#[tokio::test]
async fn another_service_name_gives_a_new_certificate_of_the_same_ca() {
    let server = ApiServer::default();
    source_for(&server, &Current::new(), "old-name")
        .reconcile()
        .await
        .unwrap();
    let before = server.stored();
    let current = Current::new();
    source_for(&server, &current, "new-name").reconcile().await.unwrap();
    let after = server.stored();
    assert_eq!(before["ca.crt"], after["ca.crt"]);
    assert_ne!(before["tls.crt"], after["tls.crt"]);
    let names = &current.view().serving.unwrap().dns_names;
    assert!(names.contains(&"new-name.sluice-system.svc".to_owned()), "{names:?}");
}

#[tokio::test]
async fn a_damaged_secret_is_made_anew_and_foreign_keys_in_it_stay() {
    let secret = Secret {
        data: Some(BTreeMap::from([
            ("tls.crt".to_owned(), ByteString(b"garbage".to_vec())),
            ("note".to_owned(), ByteString(b"keep me".to_vec())),
        ])),
        ..Secret::default()
    };
    let server = ApiServer::holding(secret);
    let current = Current::new();
    source(&server, &current).reconcile().await.unwrap();
    assert_eq!(server.writes(), ["update"]);
    assert_eq!(server.stored()["note"], "keep me");
    assert!(current.view().serving.is_some());
}

#[tokio::test]
async fn a_deleted_secret_is_written_back_as_it_was() {
    let server = ApiServer::default();
    let (first, second) = (Current::new(), Current::new());
    let (a, b) = (source(&server, &first), source(&server, &second));
    a.reconcile().await.unwrap();
    b.reconcile().await.unwrap();
    let before = server.stored();
    server.state.lock().unwrap().secret = None;
    // Whoever notices first: the other one goes on with what it has.
    b.reconcile().await.unwrap();
    a.reconcile().await.unwrap();
    assert_eq!(server.stored(), before);
    assert_eq!(ca_of(&first), before["ca.crt"]);
}

#[tokio::test]
async fn a_secret_that_is_damaged_while_it_is_served_is_written_back_as_it_was() {
    let server = ApiServer::default();
    let current = Current::new();
    let source = source(&server, &current);
    source.reconcile().await.unwrap();
    let before = server.stored();
    let leaf = current.view().serving.unwrap().leaf().to_vec();
    for damaged in ["ca.crt", "ca.key", "tls.crt", "tls.key"] {
        {
            let mut state = server.state.lock().unwrap();
            let mut secret = state.secret.clone().unwrap();
            let garbage = ByteString(b"garbage".to_vec());
            secret.data.as_mut().unwrap().insert(damaged.to_owned(), garbage);
            state.store(secret);
        }
        source.reconcile().await.unwrap();
        assert_eq!(server.stored(), before, "{damaged}");
        assert_eq!(current.view().serving.unwrap().leaf(), leaf, "{damaged}: no new CA");
    }
}

#[tokio::test(start_paused = true)]
async fn who_keeps_changing_the_secret_is_answered_ever_more_slowly_and_told_of_once() {
    let (log, _guard) = Log::new();
    let server = ApiServer::default();
    let current = Current::new();
    let source = source(&server, &current);
    source.reconcile().await.unwrap();
    let before = server.stored();
    let mut writes = Vec::new();
    for round in 0..30 {
        {
            let mut state = server.state.lock().unwrap();
            let mut secret = state.secret.clone().unwrap();
            let garbage = ByteString(b"garbage".to_vec());
            secret.data.as_mut().unwrap().insert("tls.crt".to_owned(), garbage);
            // Some delete it.
            state.store(secret);
            if round % 2 == 0 {
                state.secret = None;
            }
        }
        source.reconcile().await.unwrap();
        writes.push(tokio::time::Instant::now());
        assert_eq!(server.stored(), before, "it is written back all the same");
    }
    assert_ever_slower(&writes);
    let told = log.lines("keeps changing");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("--show-managed-fields"), "{told:?}");
    // Whoever it was has stopped; what happens later is mended at once.
    tokio::time::advance(std::time::Duration::from_mins(5)).await;
    server.state.lock().unwrap().secret = None;
    let began = tokio::time::Instant::now();
    source.reconcile().await.unwrap();
    assert_eq!(server.stored(), before);
    assert_eq!(began.elapsed(), std::time::Duration::ZERO);
}

#[tokio::test]
async fn a_rotation_that_is_held_back_is_told_and_goes_on_when_the_bundle_is_in_place() {
    let server = ApiServer::default();
    let hands = Hands::at(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let current = Current::new();
    let (bundle, state) = watch::channel(BundleState::default());
    let source = source(&server, &current)
        .with_clock(hands.clock())
        .with_bundles(vec![state]);
    source.reconcile().await.unwrap();
    let refused = |present: String| BundleState::Failed {
        reason: "cannot patch".to_owned(),
        present: vec![present.into_bytes()],
    };
    bundle.send_replace(refused(ca_of(&current)));
    // By renewals of the same CA to its last third.
    for _ in 0..13 {
        hands.jump(Duration::days(20));
        source.reconcile().await.unwrap();
    }
    let leaf = || current.view().serving.unwrap().leaf().to_vec();
    let before = leaf();
    assert_eq!(current.view().held_back, None, "announced a moment ago");
    hands.jump(Duration::days(2));
    source.reconcile().await.unwrap();
    assert_eq!(leaf(), before);
    let told = current.view().held_back.expect("told");
    assert!(told.contains("cannot patch") && told.contains("for 8 days"), "{told}");
    bundle.send_replace(BundleState::InPlace(current.view().ca_bundle.unwrap()));
    source.reconcile().await.unwrap();
    assert_eq!(leaf(), before, "API servers may not have read it yet");
    hands.jump(SETTLE);
    source.reconcile().await.unwrap();
    assert_ne!(leaf(), before);
    assert_eq!(current.view().held_back, None);
}

#[tokio::test]
async fn a_secret_of_cert_manager_is_not_touched() {
    let mut secret = Secret::default();
    secret.metadata.annotations = Some(BTreeMap::from([(
        "cert-manager.io/certificate-name".to_owned(),
        "sluice".to_owned(),
    )]));
    let server = ApiServer::holding(secret);
    let error = source(&server, &Current::new()).reconcile().await.unwrap_err();
    assert!(matches!(error, CertError::ManagedByCertManager { .. }));
    assert!(error.to_string().contains("--certs files"), "{error}");
    assert!(server.writes().is_empty());
}

#[tokio::test]
async fn a_missing_permission_is_named_and_the_old_certificate_is_served_on() {
    let server = ApiServer::default();
    let current = Current::new();
    let source = source(&server, &current);
    source.reconcile().await.unwrap();
    server.state.lock().unwrap().refuse = Some(403);
    let error = source.reconcile().await.unwrap_err().to_string();
    for part in [
        "cannot get secrets",
        "sluice-webhook-tls",
        "namespace \"sluice-system\"",
        "verb \"get\"",
    ] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
    assert!(current.view().serving.is_some());
}

#[tokio::test]
async fn wherever_the_clock_jumps_ahead_the_certificate_is_valid_then() {
    let server = ApiServer::default();
    let hands = Hands::at(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap());
    let current = Current::new();
    let source = source(&server, &current).with_clock(hands.clock());
    source.reconcile().await.unwrap();
    let leaf = || current.view().serving.unwrap().leaf().to_vec();
    // Days, whether the certificate is another afterwards, and whether the CA is.
    for (days, renewed, another_ca) in [
        (19, false, false),
        (2, true, false),
        (29, true, false),
        (40, true, false),
        (-1, false, false),
        (700, true, true),
        (15, false, false),
        (3650, true, true),
    ] {
        let (leaf_before, ca_before) = (leaf(), ca_of(&current));
        let now = hands.jump(Duration::days(days));
        source.reconcile().await.unwrap();
        assert_eq!(leaf() != leaf_before, renewed, "{days} days");
        assert_eq!(!ca_of(&current).contains(ca_before.trim()), another_ca, "{days} days");
        let serving = current.view().serving.unwrap();
        assert!(serving.not_after > now, "{days} days: {serving:?}");
        // A clock that was set back is not believed: replicas whose clocks differ would renew against each other. The
        // self-check tells of it.
        assert!(serving.not_before <= now || days < 0, "{days} days: {serving:?}");
        let cas = pem::certificates(ca_of(&current).as_bytes(), "ca.crt").unwrap();
        assert!(
            cas.iter().any(|ca| pem::is_signed_by(&serving.key.cert[0], ca)),
            "{days} days"
        );
    }
}
