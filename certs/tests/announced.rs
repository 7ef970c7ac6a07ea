//! What a replica serves while a CA is not in both webhook configurations: what the API server trusts, whatever happens to
//! the Secret.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::collections::BTreeMap;

use common::{ApiServer, Hands, ca_of, source};
use k8s_openapi::ByteString;
use rstest::rstest;
use sluice_certs::ca_bundle::BundleState;
use sluice_certs::current::View;
use sluice_certs::plan::{READ_WITHIN, Stored, fresh};
use sluice_certs::secret::SecretSource;
use sluice_certs::{CertError, Current, authority, pem};
use time::{Duration, OffsetDateTime};
use tokio::sync::watch;

/// Both webhook configurations.
type Bundles = [watch::Sender<BundleState>; 2];

/// A replica, what it serves, and the clock and the webhook configurations that it goes by.
struct Replica {
    current: Current,
    source: SecretSource,
}

impl Replica {
    fn start(server: &ApiServer, hands: &Hands, bundles: &Bundles) -> Self {
        let current = Current::new();
        let source = source(server, &current)
            .with_clock(hands.clock())
            .with_bundles(bundles.iter().map(watch::Sender::subscribe).collect());
        Self { current, source }
    }

    fn leaf(&self) -> Vec<u8> {
        self.current.view().serving.expect("a certificate").leaf().to_vec()
    }
}

fn hold(bundles: &Bundles, bundle: &str) {
    for state in bundles {
        state.send_replace(in_place(bundle));
    }
}

fn in_place(bundle: &str) -> BundleState {
    BundleState::InPlace(bundle.as_bytes().into())
}

fn hands() -> Hands {
    Hands::at(OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap())
}

/// Writes into the Secret, as somebody with kubectl.
fn edit(server: &ApiServer, values: &BTreeMap<&str, String>) {
    let mut state = server.state.lock().unwrap();
    let mut secret = state.secret.clone().unwrap();
    for (key, value) in values {
        let value = ByteString(value.clone().into_bytes());
        secret.data.as_mut().unwrap().insert((*key).to_owned(), value);
    }
    state.store(secret);
}

fn signed_by(leaf: &[u8], bundle: &str) -> Vec<bool> {
    let cas = pem::certificates(bundle.as_bytes(), "ca.crt").unwrap();
    cas.iter()
        .map(|ca| pem::is_signed_by(&leaf.to_vec().into(), ca))
        .collect()
}

/// A replica whose Secret has a new CA beside the old one, which alone stands in the webhook configurations; and that one.
async fn announced(server: &ApiServer, hands: &Hands, bundles: &Bundles) -> (Replica, String) {
    let replica = Replica::start(server, hands, bundles);
    replica.source.reconcile().await.unwrap();
    let old = ca_of(&replica.current);
    hold(bundles, &old);
    for _ in 0..13 {
        hands.jump(Duration::days(20));
        replica.source.reconcile().await.unwrap();
    }
    assert_eq!(signed_by(&replica.leaf(), &server.stored()["ca.crt"]), [false, true]);
    (replica, old)
}

fn other_pair() -> Stored {
    let names = authority::service_names("sluice-webhook", "sluice-system");
    fresh(&names, hands().jump(Duration::days(250))).unwrap()
}

/// Puts a CA and a certificate of it, made at `now`, into the Secret, as somebody with kubectl.
fn put_by_hand(server: &ApiServer, now: OffsetDateTime) -> Stored {
    let names = authority::service_names("sluice-webhook", "sluice-system");
    let foreign = fresh(&names, now).unwrap();
    edit(
        server,
        &BTreeMap::from([
            ("ca.crt", foreign.ca_bundle.clone()),
            ("ca.key", foreign.ca_key.0.clone()),
            ("tls.crt", foreign.serving.certificate.clone()),
            ("tls.key", foreign.serving.key.clone()),
        ]),
    );
    foreign
}

type Damage = fn() -> BTreeMap<&'static str, String>;

const CERTIFICATE: Damage = || BTreeMap::from([("tls.crt", "garbage".to_owned())]);
const KEY: Damage = || BTreeMap::from([("tls.key", "garbage".to_owned())]);
const BOTH: Damage = || BTreeMap::from([("tls.crt", String::new()), ("tls.key", String::new())]);
const MISMATCH: Damage = || BTreeMap::from([("tls.key", other_pair().serving.key)]);
const OTHER_PAIR: Damage = || {
    let other = other_pair().serving;
    BTreeMap::from([("tls.crt", other.certificate), ("tls.key", other.key)])
};

#[rstest]
#[case::certificate(CERTIFICATE)]
#[case::key(KEY)]
#[case::both(BOTH)]
#[case::mismatch(MISMATCH)]
#[case::pair_of_another_ca(OTHER_PAIR)]
#[tokio::test]
async fn what_was_served_is_written_back(#[case] damage: Damage) {
    let (server, hands, bundles) = (ApiServer::default(), hands(), Bundles::default());
    let (replica, _) = announced(&server, &hands, &bundles).await;
    let (before, leaf) = (server.stored(), replica.leaf());
    edit(&server, &damage());
    replica.source.reconcile().await.unwrap();
    assert_eq!(server.stored(), before);
    assert_eq!(replica.leaf(), leaf);
}

#[rstest]
#[case::certificate(CERTIFICATE)]
#[case::key(KEY)]
#[case::both(BOTH)]
#[case::mismatch(MISMATCH)]
#[case::pair_of_another_ca(OTHER_PAIR)]
#[tokio::test]
async fn who_holds_no_good_pair_announces_the_ca_and_signs_then(#[case] damage: Damage) {
    let (server, hands, bundles) = (ApiServer::default(), hands(), Bundles::default());
    let (_, old) = announced(&server, &hands, &bundles).await;
    edit(&server, &damage());
    let damaged = server.stored();
    let replica = Replica::start(&server, &hands, &bundles);
    for state in [BundleState::Unknown, in_place(&old)] {
        bundles[0].send_replace(state);
        let error = replica.source.reconcile().await.unwrap_err();
        assert!(matches!(error, CertError::NotAnnounced { .. }), "{error}");
        assert_eq!(server.stored(), damaged, "nothing is signed");
        assert!(replica.current.view().serving.is_none());
        assert_eq!(
            ca_of(&replica.current),
            damaged["ca.crt"],
            "to be written into caBundle"
        );
        assert_eq!(replica.current.view().held_back, None);
    }
    bundles[0].send_replace(in_place(&damaged["ca.crt"]));
    replica.source.reconcile().await.expect_err("one of two holds it");
    hold(&bundles, &damaged["ca.crt"]);
    replica.source.reconcile().await.unwrap();
    assert_eq!(signed_by(&replica.leaf(), &damaged["ca.crt"]), [true, false]);
    assert_eq!(replica.current.view().problem, None);
}

#[tokio::test]
async fn a_pair_that_came_by_hand_is_served_when_its_ca_is_announced() {
    let (server, hands, bundles) = (ApiServer::default(), hands(), Bundles::default());
    let replicas = [0, 1].map(|_| Replica::start(&server, &hands, &bundles));
    for replica in &replicas {
        replica.source.reconcile().await.unwrap();
    }
    let (old, leaf) = (ca_of(&replicas[0].current), replicas[0].leaf());
    hold(&bundles, &old);
    let foreign = put_by_hand(&server, hands.jump(Duration::HOUR));
    let both = foreign.ca_bundle.clone() + &old;
    for bundle in &bundles {
        for replica in &replicas {
            replica.source.reconcile().await.unwrap();
            assert_eq!(replica.leaf(), leaf, "the old one is served on");
            assert_eq!(
                ca_of(&replica.current),
                both,
                "announced by all alike, beside the old one"
            );
            let told = replica.current.view().held_back.expect("told");
            assert!(told.contains("not every caBundle holds"), "{told}");
        }
        bundle.send_replace(in_place(&both));
    }
    // Both hold it now; API servers may not have read them yet.
    for pause in [Duration::ZERO, READ_WITHIN - Duration::SECOND] {
        hands.jump(pause);
        for replica in &replicas {
            replica.source.reconcile().await.unwrap();
            assert_eq!(
                replica.leaf(),
                leaf,
                "served before API servers can have read the caBundle"
            );
            let told = replica.current.view().held_back.expect("told");
            assert!(told.contains("for less than 60 s"), "{told}");
        }
    }
    hands.jump(Duration::SECOND);
    for replica in &replicas {
        replica.source.reconcile().await.unwrap();
        assert_eq!(signed_by(&replica.leaf(), &both), [true, false]);
        assert_eq!(ca_of(&replica.current), both, "others may still serve the old one");
        assert_eq!(replica.current.view().held_back, None);
    }
    assert_eq!(server.stored()["tls.crt"], foreign.serving.certificate);
}

#[tokio::test]
async fn a_ca_that_was_taken_out_of_a_ca_bundle_settles_anew() {
    let (server, hands, bundles) = (ApiServer::default(), hands(), Bundles::default());
    let replica = Replica::start(&server, &hands, &bundles);
    replica.source.reconcile().await.unwrap();
    let (old, leaf) = (ca_of(&replica.current), replica.leaf());
    hold(&bundles, &old);
    let both = put_by_hand(&server, hands.jump(Duration::HOUR)).ca_bundle + &old;
    for (bundle, pause) in [(&both, READ_WITHIN / 2), (&old, READ_WITHIN), (&both, READ_WITHIN / 2)] {
        hold(&bundles, bundle);
        replica.source.reconcile().await.unwrap();
        hands.jump(pause);
        replica.source.reconcile().await.unwrap();
        assert_eq!(replica.leaf(), leaf);
    }
    hands.jump(READ_WITHIN / 2);
    replica.source.reconcile().await.unwrap();
    assert_ne!(replica.leaf(), leaf);
}

#[tokio::test]
async fn where_nobody_calls_there_is_nothing_to_wait_for() {
    let (server, hands, bundles) = (ApiServer::default(), hands(), Bundles::default());
    let replica = Replica::start(&server, &hands, &bundles);
    replica.source.reconcile().await.unwrap();
    let leaf = replica.leaf();
    for bundle in &bundles {
        bundle.send_replace(BundleState::Missing);
    }
    put_by_hand(&server, hands.jump(Duration::HOUR));
    replica.source.reconcile().await.unwrap();
    assert_ne!(replica.leaf(), leaf);
}

#[tokio::test]
async fn the_old_certificate_is_not_served_beyond_its_end() {
    let (server, hands, bundles) = (ApiServer::default(), hands(), Bundles::default());
    let replica = Replica::start(&server, &hands, &bundles);
    replica.source.reconcile().await.unwrap();
    hold(&bundles, &ca_of(&replica.current));
    put_by_hand(&server, hands.jump(Duration::days(15)));
    let leaf = replica.leaf();
    replica.source.reconcile().await.unwrap();
    assert_eq!(replica.leaf(), leaf);
    hands.jump(Duration::days(15));
    replica.source.reconcile().await.unwrap();
    assert_ne!(replica.leaf(), leaf);
}

#[tokio::test]
async fn nothing_is_held_back_before_anybody_knows() {
    let (server, hands, bundles) = (ApiServer::default(), hands(), Bundles::default());
    let (_, old) = announced(&server, &hands, &bundles).await;
    // The certificate is due.
    hands.jump(Duration::days(3));
    for state in &bundles {
        state.send_replace(BundleState::Unknown);
    }
    let replica = Replica::start(&server, &hands, &bundles);
    replica.source.reconcile().await.unwrap();
    let leaf = replica.leaf();
    assert_eq!(replica.current.view().held_back, None);
    hold(&bundles, &old);
    replica.source.reconcile().await.unwrap();
    assert!(replica.current.view().held_back.is_some());
    assert_eq!(replica.leaf(), leaf);
}

#[tokio::test(start_paused = true)]
async fn a_ca_bundle_that_changes_is_acted_upon_at_once() {
    let (server, hands, bundles) = (ApiServer::default(), hands(), Bundles::default());
    let replica = Replica::start(&server, &hands, &bundles);
    replica.source.reconcile().await.unwrap();
    hold(&bundles, &ca_of(&replica.current));
    let leaf = replica.leaf();
    put_by_hand(&server, hands.jump(Duration::HOUR));
    // The server here knows no watches, so the clock alone would look again after a minute.
    let running = tokio::spawn(replica.source.clone().run());
    let mut views = replica.current.subscribe();
    let soon = std::time::Duration::from_secs(20);
    let held_back =
        |why: &'static str| move |view: &View| view.held_back.as_ref().is_some_and(|told| told.contains(why));
    let told = tokio::time::timeout(soon, views.wait_for(held_back("not every")));
    let both = told.await.expect("held back").unwrap().ca_bundle.clone().unwrap();
    hold(&bundles, std::str::from_utf8(&both).unwrap());
    let seen = tokio::time::timeout(soon, views.wait_for(held_back("for less than 60 s")));
    seen.await.expect("seen at once").unwrap();
    hands.jump(READ_WITHIN);
    let other = |view: &View| view.serving.as_ref().is_some_and(|serving| serving.leaf() != leaf);
    let switched = tokio::time::timeout(soon * 4, views.wait_for(other));
    switched.await.expect("served when it has settled").unwrap();
    running.abort();
}
