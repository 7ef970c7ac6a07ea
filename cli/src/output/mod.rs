//! What was found, in the forms that people and machines read.

mod json;
mod junit;
mod sarif;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;

use clap::ValueEnum;

use crate::check::{Finding, Level};
use crate::lint::node::Position;

/// A form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line a finding.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, as code scanning reads it.
    Sarif,
    /// JUnit XML, as CI systems show it.
    Junit,
}

/// A judged object.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its kind.
    pub kind: &'static str,
    /// Its namespace; empty for an object of the whole cluster.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its file; none for an object of a cluster.
    pub file: Option<String>,
    /// What was found, and where in the file.
    pub findings: Vec<(Option<Position>, Finding)>,
}

impl Checked {
    /// Namespace and name.
    pub fn key(&self) -> String {
        if self.namespace.is_empty() {
            return self.name.clone();
        }
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this file or folder.
    File(String),
    /// With these resources of the cluster.
    Cluster(String),
}

impl Place {
    fn as_str(&self) -> &str {
        match self {
            Self::File(name) | Self::Cluster(name) => name,
        }
    }
}

/// What could not be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// Where in the file.
    pub position: Option<Position>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.as_str();
        match self.position {
            Some(position) => write!(f, "{place}:{position}: {}", self.reason),
            None => write!(f, "{place}: {}", self.reason),
        }
    }
}

/// Everything that a run found.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// Judged objects, in order.
    pub checked: Vec<Checked>,
    /// What could not be judged.
    pub problems: Vec<Problem>,
    /// How many documents are none of ours.
    pub others: usize,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is refused.
    Clean,
    /// Something is refused.
    Refused,
    /// Not everything could be judged.
    Failed,
}

impl Outcome {
    /// Exit code of the process.
    pub const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Refused => 1,
            Self::Failed => 2,
        }
    }
}

impl Results {
    /// How many findings of `level` there are.
    pub fn count(&self, level: Level) -> usize {
        self.findings().filter(|(_, _, finding)| finding.level == level).count()
    }

    /// Every finding with its object.
    pub fn findings(&self) -> impl Iterator<Item = (&Checked, Option<Position>, &Finding)> {
        self.checked.iter().flat_map(|checked| {
            checked
                .findings
                .iter()
                .map(move |(position, finding)| (checked, *position, finding))
        })
    }

    /// How the run ended.
    pub fn outcome(&self) -> Outcome {
        if !self.problems.is_empty() {
            Outcome::Failed
        } else if self.count(Level::Error) > 0 {
            Outcome::Refused
        } else {
            Outcome::Clean
        }
    }

    /// The results of `command` as text of `format`.
    ///
    /// # Errors
    /// When they cannot be written in this form.
    pub fn render(&self, command: &str, format: Format) -> Result<String, String> {
        match format {
            Format::Text => Ok(text::render(self)),
            Format::Json => json::render(self),
            Format::Sarif => sarif::render(self),
            Format::Junit => junit::render(self, command),
        }
    }
}
