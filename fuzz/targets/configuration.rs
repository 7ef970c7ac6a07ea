//! Configuration files of both forms. What is read from either can be written as the older form and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_shared::api::FlinkVersion;
use sluice_shared::config::{DefaultConfiguration, flatten, parse_config_yaml, parse_flink_conf, split};

fuzz_target!(|text: &str| {
    for config in [parse_config_yaml(text), parse_flink_conf(text)].into_iter().flatten() {
        for (_, value) in config.iter() {
            let _ = split(value, ';');
            let _ = split(value, ',');
        }
        let defaults = DefaultConfiguration::new(config);
        let _ = defaults.for_resource("default", Some(FlinkVersion::V1_20));
    }
    // What stands in spec.flinkConfiguration: flat already, flattening it again changes nothing.
    if let Ok(json) = serde_json::from_str(text)
        && let Ok(flat) = flatten(&json)
    {
        let again = serde_json::to_value(&flat).expect("JSON");
        assert_eq!(flatten(&again).expect("flat is flat"), flat);
    }
});
