//! `sluice`: the command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sluice_shared::api::crd;

/// Works with Flink resources without a cluster.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the CustomResourceDefinitions as YAML.
    Crds {
        /// Folder to write one file per CRD to; standard output where absent.
        #[arg(long)]
        output: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Crds { output } => write_crds(output.as_deref()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("sluice: {message}");
            ExitCode::FAILURE
        }
    }
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
