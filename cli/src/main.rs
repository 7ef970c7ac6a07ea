//! `sluice`: the command line.
//!
//! Exit codes: 0 all is well, 1 something is refused, 2 it could not run.

mod audit;
mod check;
mod explain;
mod lint;
mod output;
mod own_rules;
mod plugin;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sluice_shared::api::crd;

/// Works with Flink resources as Sluice's webhook does.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check resources in files by the webhook's rules, without a cluster.
    Lint(lint::Arguments),
    /// Check what a cluster already holds by the webhook's rules.
    Audit(audit::Arguments),
    /// Explain a rule: what it demands, why, and what to do.
    Explain(explain::Arguments),
    /// List the rules.
    Rules(explain::ListArguments),
    /// Try out plugins in WebAssembly.
    Plugin(plugin::Arguments),
    /// Write the CustomResourceDefinitions as YAML.
    Crds {
        /// Folder to write one file per CRD to; standard output where absent.
        #[arg(long)]
        output: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Lint(arguments) => lint::run(&arguments).map(|outcome| ExitCode::from(outcome.code())),
        Command::Audit(arguments) => audit::run(&arguments).map(|outcome| ExitCode::from(outcome.code())),
        Command::Explain(arguments) => explain::run(&arguments).map(|text| {
            print!("{text}");
            ExitCode::SUCCESS
        }),
        Command::Rules(arguments) => {
            print!("{}", explain::list(&arguments));
            Ok(ExitCode::SUCCESS)
        }
        Command::Plugin(arguments) => {
            plugin::run(&arguments).map(|agrees| if agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Crds { output } => write_crds(output.as_deref()).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|message| {
        eprintln!("sluice: {message}");
        ExitCode::from(2)
    })
}

fn write_crds(folder: Option<&Path>) -> Result<(), String> {
    for definition in crd::all() {
        let text = crd::to_yaml(&definition).map_err(|e| format!("cannot write {}: {e}", definition.file))?;
        match folder {
            None => print!("---\n{text}"),
            Some(folder) => {
                let path = folder.join(&definition.file);
                std::fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
            }
        }
    }
    Ok(())
}
