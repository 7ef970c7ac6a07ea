use super::*;
use crate::testing::{api, status};
use parking_lot::Mutex;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;

fn timing(options: &[(&str, &str)]) -> Result<Timing, TimingError> {
    let mut config = FlinkConfig::new();
    for (name, value) in options {
        config.set(format!("kubernetes.operator.leader-election.{name}"), *value);
    }
    Timing::read(&config)
}

fn default_timing() -> Timing {
    timing(&[]).expect("the defaults")
}

/// A lease in an API server that checks resource versions, and may be out of order.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    broken: bool,
}

impl Server {
    fn candidate(&self, identity: &str) -> Candidate {
        let this = self.clone();
        let (client, _) = api(move |method, _, body| this.answer(method.as_str(), body));
        Candidate::new(client, "ns", "lease", identity, default_timing())
    }

    fn answer(&self, method: &str, body: &Value) -> (u16, Value) {
        let mut state = self.0.lock();
        if state.broken {
            return status(500, "InternalError");
        }
        match (method, state.lease.clone()) {
            ("GET", Some(lease)) => (200, lease),
            ("GET", None) => status(404, "NotFound"),
            ("POST", Some(_)) => status(409, "AlreadyExists"),
            ("PUT", Some(lease)) if lease["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"] => {
                status(409, "Conflict")
            }
            _ => {
                state.version += 1;
                let mut lease = body.clone();
                lease["metadata"]["resourceVersion"] = json!(state.version.to_string());
                state.lease = Some(lease.clone());
                (200, lease)
            }
        }
    }

    fn holder(&self) -> String {
        let state = self.0.lock();
        let lease = state.lease.as_ref().expect("a lease");
        lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_candidate_leads_and_the_second_waits() {
    let server = Server::default();
    let (mut first, mut second) = (server.candidate("a"), server.candidate("b"));
    first.acquire().await;
    assert_eq!(server.holder(), "a");
    for _ in 0..20 {
        assert!(
            !second.attempt().await.expect("answered"),
            "a renewed lease is not taken"
        );
        tokio::time::sleep(default_timing().retry_period).await;
        assert!(first.attempt().await.expect("answered"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_not_renewed_is_taken_by_the_observers_own_clock() {
    let server = Server::default();
    server.candidate("a").acquire().await;
    let mut second = server.candidate("b");
    let start = Instant::now();
    second.acquire().await;
    assert!(
        start.elapsed() >= default_timing().lease_duration,
        "whatever the times in the lease say"
    );
    assert_eq!(server.holder(), "b");
    let state = server.0.lock();
    assert_eq!(state.lease.as_ref().expect("a lease")["spec"]["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_taken_at_once() {
    let server = Server::default();
    let mut first = server.candidate("a");
    first.acquire().await;
    let mut second = server.candidate("b");
    assert!(!second.attempt().await.expect("answered"));
    first.release().await;
    assert!(second.attempt().await.expect("answered"));
    first.release().await;
    assert_eq!(server.holder(), "b", "a lease of someone else is not released");
}

#[tokio::test(start_paused = true)]
async fn a_leader_steps_down_before_anyone_can_take_over() {
    let server = Server::default();
    let mut leader = server.candidate("a");
    leader.acquire().await;
    server.0.lock().broken = true;
    let start = Instant::now();
    let lost = leader.keep().await;
    assert!(
        start.elapsed() >= default_timing().renew_deadline && start.elapsed() < default_timing().lease_duration,
        "{:?}",
        start.elapsed()
    );
    assert!(lost.to_string().contains("not renewed for 10 s"), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_was_replaced_notices() {
    let server = Server::default();
    let mut leader = server.candidate("a");
    leader.acquire().await;
    server.0.lock().lease.as_mut().expect("a lease")["spec"]["holderIdentity"] = json!("b");
    server.0.lock().lease.as_mut().expect("a lease")["metadata"]["resourceVersion"] = json!("99");
    let lost = leader.keep().await;
    assert!(lost.to_string().contains("b holds it"), "{lost}");
}

#[rstest]
#[case(&[], 15_000, 10_000, 2_000)]
#[case(&[("lease-duration", "4 s"), ("renew-deadline", "2500 ms"), ("retry-period", "500 ms")], 4_000, 2_500, 500)]
#[case::whole_seconds_only(&[("lease-duration", "11900 ms")], 11_000, 10_000, 2_000)]
fn timing_is_the_administrators(
    #[case] options: &[(&str, &str)],
    #[case] lease: u64,
    #[case] renew: u64,
    #[case] retry: u64,
) {
    let expected = Timing {
        lease_duration: Duration::from_millis(lease),
        renew_deadline: Duration::from_millis(renew),
        retry_period: Duration::from_millis(retry),
    };
    assert_eq!(timing(options).expect("valid"), expected);
}

#[rstest]
#[case::a_lease_that_ends_before_its_leader_steps_down(&[("lease-duration", "10 s")], "(10 s, in whole seconds)")]
#[case::only_longer_by_what_a_lease_cannot_say(&[("lease-duration", "10900 ms")], "(10 s, in whole seconds)")]
#[case::one_attempt_only(&[("retry-period", "10 s")], "must be longer than")]
#[case::no_pause(&[("retry-period", "0 s")], "must not be 0")]
#[case::no_duration(&[("renew-deadline", "soon")], "kubernetes.operator.leader-election.renew-deadline")]
fn timing_that_could_let_two_lead_is_refused(#[case] options: &[(&str, &str)], #[case] says: &str) {
    let error = timing(options).expect_err("refused").to_string();
    assert!(error.contains(says), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_holders_own_duration_counts_not_the_observers() {
    let server = Server::default();
    server.candidate("a").acquire().await;
    let (client, _) = {
        let this = server.clone();
        api(move |method, _, body| this.answer(method.as_str(), body))
    };
    let short = [
        ("lease-duration", "3 s"),
        ("renew-deadline", "2 s"),
        ("retry-period", "1 s"),
    ];
    let mut second = Candidate::new(client, "ns", "lease", "b", timing(&short).expect("valid"));
    let start = Instant::now();
    second.acquire().await;
    assert!(
        start.elapsed() >= default_timing().lease_duration,
        "S1: while a new configuration is rolled out, both kinds of controllers run"
    );
}

#[tokio::test(start_paused = true)]
async fn a_restarted_container_goes_on_with_its_pods_lease_at_once() {
    let server = Server::default();
    server.candidate("pod-1").acquire().await;
    let start = Instant::now();
    server.candidate("pod-1").acquire().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(
        !server.candidate("pod-2").attempt().await.expect("answered"),
        "and nobody else"
    );
}
