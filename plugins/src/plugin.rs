//! A plugin as an extension of Sluice.

use std::sync::Arc;

use sluice_shared::defaults::{self, Operation};
use sluice_shared::extension::{Extension, Failure, FailurePolicy, Question};
use sluice_shared::rules::Report;

use crate::answer::{self, Answer};
use crate::call::Output;
use crate::engine::Compiled;
use crate::error::{CallError, LoadError};
use crate::host::{Host, Places};
use crate::request::{self, Phase};
use crate::settings::Settings;

/// A plugin that is in force: its settings, and its module or why there is none.
#[derive(Debug)]
pub struct Plugin {
    settings: Arc<Settings>,
    module: Result<Compiled, LoadError>,
    places: Places,
    host: Arc<Host>,
}

impl Plugin {
    /// A plugin with this module, or with what became of it; calls run on `host`.
    #[must_use]
    pub fn new(settings: Settings, module: Result<Compiled, LoadError>, host: Arc<Host>) -> Self {
        Self {
            settings: Arc::new(settings),
            module,
            places: Places::default(),
            host,
        }
    }

    /// Runs the plugin and gives what it wrote, as it is.
    ///
    /// # Errors
    /// When there is no module to run.
    pub fn run(&self, phase: Phase, question: &Question<'_>) -> Result<Output, LoadError> {
        let module = self.module.as_ref().map_err(Clone::clone)?;
        Ok(match request::write(phase, question, &self.settings.settings) {
            Ok(input) => {
                let deadline = question.request.deadline;
                self.host.call(module, &self.places, &self.settings, input, deadline)
            }
            // No JSON has a key that is no text, the one thing that cannot be written.
            Err(_) => Output {
                answer: Err(CallError::Internal),
                stderr: Vec::new(),
            },
        })
    }

    /// Asks the plugin.
    ///
    /// # Errors
    /// When it gives no answer.
    pub fn ask(&self, phase: Phase, question: &Question<'_>) -> Result<Answer, Failure> {
        let output = self.run(phase, question);
        let Output { answer, stderr } = output.map_err(|error| Failure(format!("it is not loaded: {error}")))?;
        self.log(&stderr, question);
        let answer = answer.and_then(|bytes| Answer::parse(&bytes).map_err(CallError::Answer));
        answer.map_err(|error| {
            tracing::warn!(
                plugin = self.settings.name,
                reason = error.label(),
                "no answer: {error}"
            );
            Failure(error.to_string())
        })
    }

    /// What the plugin wrote to standard error, for whoever looks for its mistakes.
    fn log(&self, stderr: &[u8], question: &Question<'_>) {
        if !stderr.is_empty() && tracing::enabled!(tracing::Level::DEBUG) {
            let text = String::from_utf8_lossy(stderr);
            let text = answer::secrets(question).hide(text.trim_end());
            tracing::debug!(plugin = self.settings.name, "{}", text.escape_debug());
        }
    }
}

impl Extension for Plugin {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn order(&self) -> i32 {
        self.settings.order
    }

    fn failure_policy(&self) -> FailurePolicy {
        self.settings.failure_policy
    }

    fn applies(&self, question: &Question<'_>) -> bool {
        self.settings.kinds.contains(&question.kind)
    }

    fn validate(&self, question: &Question<'_>) -> Result<Report, Failure> {
        let answer = self.ask(Phase::Validate, question)?;
        Ok(answer.report(&self.settings.name, question))
    }

    fn mutate(&self, question: &Question<'_>) -> Result<Vec<Operation>, Failure> {
        if !self.settings.mutating {
            return Ok(Vec::new());
        }
        let patch = self.ask(Phase::Mutate, question)?.patch;
        // Plugins may say what has to be without looking at what is: a patch that changes nothing is none.
        let mut object = question.object.clone();
        match defaults::apply(&patch, &mut object) {
            Ok(()) if object == *question.object => Ok(Vec::new()),
            _ => Ok(patch),
        }
    }
}
