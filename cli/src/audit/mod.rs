//! `sluice audit`: the webhook's rules on what a cluster already holds, from before the webhook or from before a rule.

mod events;
mod stored;

#[cfg(test)]
mod tests;

use clap::Args;
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use serde_json::Value;
use sluice_shared::config::DefaultConfiguration;
use sluice_shared::rules::Kind;

use crate::check::{Levels, environment, judge};
use crate::lint::Common;
use crate::output::{Checked, Outcome, Results};
use crate::own_rules::OwnRules;

use stored::Stored;

/// What to audit, and what becomes of it.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this namespace; all where absent.
    #[arg(short, long)]
    namespace: Option<String>,
    /// Context of the kubeconfig; its current one where absent.
    #[arg(long)]
    context: Option<String>,
    /// Write a Warning event about each object that the rules refuse.
    #[arg(long)]
    events: bool,
    #[command(flatten)]
    common: Common,
}

/// Audits and prints.
///
/// # Errors
/// When the operator's configuration, the file of plugins or the kubeconfig cannot be read.
pub fn run(arguments: &Arguments) -> Result<Outcome, String> {
    let defaults = arguments.common.defaults()?;
    let levels = Levels {
        warnings_as_errors: arguments.common.warnings_as_errors,
        notes: true,
    };
    let own_rules = arguments.common.own_rules("default")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let results = runtime.block_on(async {
        let client = connect(arguments.context.as_deref()).await?;
        let namespace = arguments.namespace.as_deref();
        let yardstick = Yardstick {
            defaults: &defaults,
            levels,
        };
        Ok::<_, String>(audit(&client, namespace, yardstick, own_rules, arguments.events).await)
    })?;
    arguments.common.print("audit", &results)
}

/// The cluster of the kubeconfig, or the one that this runs in.
async fn connect(context: Option<&str>) -> Result<Client, String> {
    let unusable = |reason: String| format!("no cluster: {reason}; set KUBECONFIG, or --context to one that it has");
    let config = if context.is_some() {
        let options = KubeConfigOptions {
            context: context.map(str::to_owned),
            ..KubeConfigOptions::default()
        };
        Config::from_kubeconfig(&options)
            .await
            .map_err(|error| unusable(error.to_string()))?
    } else {
        Config::infer().await.map_err(|error| unusable(error.to_string()))?
    };
    Client::try_from(config).map_err(|error| unusable(error.to_string()))
}

/// By what objects are judged, beside the rules of the user's own.
#[derive(Clone, Copy)]
struct Yardstick<'a> {
    defaults: &'a DefaultConfiguration,
    levels: Levels,
}

/// Judges what `client` has, by its own policies too and by those of files in their places, and publishes events about
/// what is refused if `publish` says so.
async fn audit(
    client: &Client,
    namespace: Option<&str>,
    yardstick: Yardstick<'_>,
    from_files: OwnRules,
    publish: bool,
) -> Results {
    let Stored {
        objects,
        policies,
        known,
        mut problems,
    } = Stored::list(client, namespace).await;
    let mut own_rules = from_files;
    for (resource, object) in &policies {
        own_rules.add_stored_policy(*resource, object);
    }
    let environment = environment(yardstick.defaults, &known, own_rules.in_force());
    let mut all = Vec::with_capacity(objects.len());
    for (kind, object) in &objects {
        let report = judge(*kind, object, &environment);
        if publish
            && !report.is_valid()
            && let Err(problem) = events::publish(client, *kind, object, &report).await
        {
            problems.push(problem);
        }
        all.push(checked(*kind, object, yardstick.levels.findings(report)));
    }
    problems.extend(own_rules.problems);
    Results {
        checked: own_rules.checked.into_iter().chain(all).collect(),
        problems,
        others: 0,
    }
}

fn checked(kind: Kind, object: &Value, findings: Vec<crate::check::Finding>) -> Checked {
    Checked {
        kind: kind.as_str(),
        namespace: metadata(object, "namespace").to_owned(),
        name: metadata(object, "name").to_owned(),
        file: None,
        findings: findings.into_iter().map(|finding| (None, finding)).collect(),
    }
}

/// A text of an object's metadata; the API server stores no object without its name, namespace and UID.
fn metadata<'v>(object: &'v Value, field: &str) -> &'v str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// What went wrong, for people: the API server's own words, and what to grant where it refused.
fn explain(error: &kube::Error, verbs: &str, resource: &str) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            format!("{}; grant {verbs} on {resource} to this user", status.message)
        }
        kube::Error::Api(status) => status.message.clone(),
        other => {
            let mut text = format!("the cluster does not answer: {other}");
            let mut source = std::error::Error::source(other);
            while let Some(cause) = source {
                let cause_text = cause.to_string();
                if !text.contains(&cause_text) {
                    text = format!("{text}: {cause_text}");
                }
                source = cause.source();
            }
            text
        }
    }
}
