use super::*;
use crate::testing::{api, status};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;

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
        Candidate::new(client, "ns", "lease", identity)
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
        tokio::time::sleep(RETRY_PERIOD).await;
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
    assert!(start.elapsed() >= LEASE_DURATION, "whatever the times in the lease say");
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
        start.elapsed() >= RENEW_DEADLINE && start.elapsed() < LEASE_DURATION,
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
