//! The rules and defaults of `sluice-shared`, as the webhook calls them.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use sluice_shared::api::{FlinkBlueGreenDeployment, FlinkDeployment, FlinkSessionJob, FlinkStateSnapshot};
use sluice_shared::config::DefaultConfiguration;
use sluice_shared::defaults::{Defaults, Operation};
use sluice_shared::rules::{self, Environment, Kind, Report, shape};

use crate::lookups::Lookups;

/// Applies rules and defaults, with what they need to know beside the object.
#[derive(Debug)]
pub struct Judge {
    defaults: DefaultConfiguration,
    lookups: Arc<Lookups>,
}

impl Judge {
    /// Rules that lay resources over `defaults` and ask `lookups` for other objects.
    #[must_use]
    pub fn new(defaults: DefaultConfiguration, lookups: Arc<Lookups>) -> Self {
        Self { defaults, lookups }
    }

    /// All violations and warnings of `object`, a new one or one that takes the place of `old`.
    #[must_use]
    pub fn judge(&self, kind: Kind, object: &Value, old: Option<&Value>) -> Report {
        let environment = Environment::new(&self.defaults, self.lookups.as_ref());
        rules::validate_json(kind, object, old, &environment)
    }

    /// The changes that fill in what the user left out; none where nothing is missing.
    #[must_use]
    pub fn defaults(&self, kind: Kind, object: &Value) -> Vec<Operation> {
        match kind {
            Kind::FlinkDeployment => patch::<FlinkDeployment>(object),
            Kind::FlinkSessionJob => patch::<FlinkSessionJob>(object),
            Kind::FlinkStateSnapshot => patch::<FlinkStateSnapshot>(object),
            Kind::FlinkBlueGreenDeployment => patch::<FlinkBlueGreenDeployment>(object),
        }
    }
}

/// An object that does not fit its kind gets what can be read of it filled in; `/validate`, which comes next, says what
/// is wrong.
fn patch<K: Defaults + DeserializeOwned>(object: &Value) -> Vec<Operation> {
    let (object, _) = shape::read::<K>(object);
    object.map(|object| object.patch()).unwrap_or_default()
}
