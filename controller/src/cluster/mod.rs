//! Builders of a cluster's Kubernetes objects: pure functions of a valid spec and a configuration.
//!
//! - [`config`]: what the cluster is configured with: [`config::deploy_config`], then [`ClusterConfig::start_with`]
//! - [`native`]: the objects of a cluster in native mode: [`native::build`]
//! - [`pod_template`]: how pod templates are merged
//! - [`flink_config_file`]: the configuration file that the pods mount
//! - [`ingress`]: the Ingress to the REST port
//!
//! The same input gives the same bytes.

pub mod config;
mod error;
pub mod flink_config_file;
pub mod ingress;
pub mod native;
pub mod pod_template;
mod text;

pub use config::{ClusterConfig, LAST_STATE_PATH, Start, StartFrom, deploy_config};
pub use error::BuildError;
pub use native::{NativeCluster, OwnedObjects};

/// Logging configuration for Log4j, shipped to a cluster's pods.
pub const LOG4J_FILE: &str = "log4j-console.properties";
/// Logging configuration for Logback, shipped to a cluster's pods.
pub const LOGBACK_FILE: &str = "logback-console.xml";
/// Name of the container in which Flink runs (Flink's `Constants.MAIN_CONTAINER_NAME`).
pub const MAIN_CONTAINER: &str = "flink-main-container";
