//! Flink's sizes and durations, and Kubernetes' quantities. A size that was read reads the same when it is written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_shared::config::{Amount, MemorySize, parse_duration, parse_memory_flink_then_kubernetes};

fuzz_target!(|text: &str| {
    for size in [text.parse::<MemorySize>(), parse_memory_flink_then_kubernetes(text)]
        .into_iter()
        .flatten()
    {
        assert_eq!(size.to_string().parse::<MemorySize>().ok(), Some(size));
    }
    if let Ok(amount) = text.parse::<Amount>() {
        assert!(!(amount.is_negative() && amount.is_positive()));
        let _ = (amount.ceil(), amount.as_f64());
    }
    let _ = parse_duration(text);
});
