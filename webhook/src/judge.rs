//! The rules and defaults of `sluice-shared`, as the webhook calls them.

use std::sync::Arc;

use sluice_shared::config::DefaultConfiguration;
use sluice_shared::extension::{Extensions, Mutation, Request};
use sluice_shared::rules::{self, Environment, Json, Kind, Report};

use crate::lookups::Lookups;

/// Applies rules and defaults, with what they need to know beside the object.
#[derive(Debug)]
pub struct Judge {
    defaults: DefaultConfiguration,
    lookups: Arc<Lookups>,
    extensions: Arc<Extensions>,
}

impl Judge {
    /// Rules that lay resources over `defaults` and ask `lookups` for other objects.
    #[must_use]
    pub fn new(defaults: DefaultConfiguration, lookups: Arc<Lookups>) -> Self {
        Self {
            defaults,
            lookups,
            extensions: Arc::default(),
        }
    }

    /// With validators and defaults of the user's own, which may be replaced at any time.
    #[must_use]
    pub fn with_extensions(self, extensions: Arc<Extensions>) -> Self {
        Self { extensions, ..self }
    }

    /// Whether there are validators of the user's own, which may take long.
    #[must_use]
    pub fn has_extensions(&self) -> bool {
        !self.extensions.is_empty()
    }

    fn environment<'a>(&'a self, request: Request<'a>) -> Environment<'a> {
        Environment::new(&self.defaults, self.lookups.as_ref())
            .with_extensions(&self.extensions)
            .with_request(request)
    }

    /// All violations and warnings of `object`, a new one or one that takes the place of `old`.
    #[must_use]
    pub fn judge(&self, kind: Kind, object: &Json<'_>, old: Option<&Json<'_>>, request: Request<'_>) -> Report {
        rules::validate_json(kind, object, old, &self.environment(request))
    }

    /// The changes that fill in what the user left out; none where nothing is missing.
    #[must_use]
    pub fn mutate(&self, kind: Kind, object: &Json<'_>, old: Option<&Json<'_>>, request: Request<'_>) -> Mutation {
        rules::mutate_json(kind, object, old, &self.environment(request))
    }

    /// What Sluice itself fills in: [`Self::mutate`] without extensions.
    #[must_use]
    pub fn mutate_alone(&self, kind: Kind, object: &Json<'_>) -> Mutation {
        let environment = Environment::new(&self.defaults, self.lookups.as_ref());
        rules::mutate_json(kind, object, None, &environment)
    }
}
