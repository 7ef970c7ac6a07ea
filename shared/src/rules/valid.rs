//! The proof that the rules were asked.

use std::ops::Deref;

use super::report::{Report, Warning};
use super::{Environment, Validate, extensions_on};
use crate::api::{FlinkDeployment, FlinkSessionJob, reconciled};
use crate::config::FlinkConfig;

/// An object whose spec the rules take. There is no way to one but through the rules, or through a spec that was acted
/// on before.
#[derive(Clone, Debug)]
pub struct Valid<K> {
    object: K,
    config: FlinkConfig,
    warnings: Vec<Warning>,
}

impl<K: Validate> Valid<K> {
    /// Runs every rule and extension on `object`, whether or not its spec changed.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn check(object: K, environment: &Environment<'_>) -> Result<Self, Report> {
        let mut report = object.check(None, environment);
        report.extend(extensions_on(&object, environment));
        if !report.is_valid() {
            return Err(report);
        }
        Ok(Self {
            config: object.effective_config(environment),
            object,
            warnings: report.warnings,
        })
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> &K {
        &self.object
    }

    /// The object, without the proof.
    #[must_use]
    pub fn into_object(self) -> K {
        self.object
    }

    /// The configuration that the object means: all defaults and what the object itself says.
    #[must_use]
    pub fn config(&self) -> &FlinkConfig {
        &self.config
    }

    /// What is legal but will hurt.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn unchecked(object: K, environment: &Environment<'_>) -> Self {
        Self {
            config: object.effective_config(environment),
            object,
            warnings: Vec::new(),
        }
    }
}

impl Valid<FlinkDeployment> {
    /// `object` with the spec that was acted on last in place of its own, for when its own is refused: what runs goes on
    /// under the spec that it runs with, even where newer rules would refuse that. `None` where nothing was acted on
    /// yet, or the recorded spec cannot be read.
    #[must_use]
    pub fn last_reconciled(mut object: FlinkDeployment, environment: &Environment<'_>) -> Option<Self> {
        let text = object
            .status
            .as_ref()?
            .reconciliation_status
            .as_ref()?
            .last_reconciled_spec
            .as_deref()?;
        object.spec = reconciled::decode(text).ok()?.0;
        Some(Self::unchecked(object, environment))
    }
}

impl Valid<FlinkSessionJob> {
    /// As for a `FlinkDeployment`.
    #[must_use]
    pub fn last_reconciled(mut object: FlinkSessionJob, environment: &Environment<'_>) -> Option<Self> {
        let text = object
            .status
            .as_ref()?
            .reconciliation_status
            .as_ref()?
            .last_reconciled_spec
            .as_deref()?;
        object.spec = reconciled::decode(text).ok()?.0;
        Some(Self::unchecked(object, environment))
    }
}

impl<K> Deref for Valid<K> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.object
    }
}
