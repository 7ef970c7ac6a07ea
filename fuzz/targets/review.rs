//! Bytes to both paths of the webhook: each gets an AdmissionReview for an answer, and none is an internal error.
#![no_main]

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sluice_shared::config::DefaultConfiguration;
use sluice_webhook::dispatch::Admission;
use sluice_webhook::http::App;
use sluice_webhook::judge::Judge;
use sluice_webhook::lookups::Lookups;
use sluice_webhook::metrics::Metrics;
use tower::ServiceExt as _;

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
});

static ROUTER: LazyLock<axum::Router> = LazyLock::new(|| {
    let judge = Judge::new(DefaultConfiguration::default(), Arc::new(Lookups::none()));
    App::new(Arc::new(Admission::new(Arc::new(judge))), Metrics::default(), || false).router()
});

fuzz_target!(|body: &[u8]| {
    for path in ["/validate", "/mutate"] {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_vec()))
            .expect("a request");
        let answer = RUNTIME.block_on(async {
            let answer = ROUTER.clone().oneshot(request).await.expect("an answer");
            answer.into_body().collect().await.expect("a body").to_bytes()
        });
        let review: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(review["kind"], "AdmissionReview");
        assert!(review["response"]["uid"].is_string(), "{review}");
        assert!(review["response"]["allowed"].is_boolean(), "{review}");
        assert_ne!(review["response"]["status"]["code"], 500, "{review}");
    }
});
