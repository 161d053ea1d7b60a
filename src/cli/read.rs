//! What people name on the command line: a file with an Experiment or a run, or an Experiment's name.

use std::{io::Read, path::PathBuf};

use rand::{TryRng, rngs::SysRng};
use serde_json::Value;

use super::exit::Failure;
use crate::api::{Experiment, ExperimentRun, ExperimentRunSpec, names};

/// What to run: exactly one of a file or a name.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Subject {
    /// A file with an Experiment or a run; `-` for standard input.
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The name of an Experiment in the namespace.
    #[arg(value_name = "EXPERIMENT")]
    pub name: Option<String>,
}

impl Subject {
    /// The run to create, named `<experiment>-<5 random>`, with our finalizer from birth: whatever
    /// happens to it, an operator looks at it before it is gone.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn run(&self) -> Result<ExperimentRun, Failure> {
        let mut run = match (&self.file, &self.name) {
            (Some(file), _) => from_file(file)?,
            (None, Some(name)) => ExperimentRun::new("", of(name)),
            (None, None) => return Err(Failure::invalid("name an Experiment, or a file with -f")),
        };
        let experiment = run.spec.experiment.to_string();
        if run.metadata.name.as_deref().unwrap_or_default().is_empty() {
            let prefix: String = experiment.chars().take(63 - names::RUN_SUFFIX).collect();
            run.metadata.name = Some(format!("{prefix}-{}", suffix()?));
        }
        run.metadata.generate_name = None;
        run.metadata.finalizers = Some(vec![names::FINALIZER.to_owned()]);
        run.metadata
            .labels
            .get_or_insert_default()
            .insert(names::EXPERIMENT.to_owned(), experiment);
        Ok(run)
    }
}

fn of(experiment: &str) -> ExperimentRunSpec {
    ExperimentRunSpec {
        experiment: experiment.into(),
        template: None,
        start_within: crate::api::Duration::minutes(10),
        dry_run: false,
        stop: false,
    }
}

/// Five characters that kubectl's users know from pod names.
fn suffix() -> Result<String, Failure> {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut bytes = [0; 5];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| {
        Failure::new(
            super::exit::Exit::Infrastructure,
            format!("no random numbers: {error}"),
        )
    })?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect())
}

fn from_file(file: &PathBuf) -> Result<ExperimentRun, Failure> {
    let shown = file.display();
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    read.map_err(|error| Failure::invalid(format!("cannot read {shown}: {error}")))?;
    let value: Value = serde_yaml::from_str(&text)
        .map_err(|error| Failure::invalid(format!("{shown} is no YAML: {error}")))?;
    let wrong = |error| Failure::invalid(format!("{shown}: {error}"));
    match value["kind"].as_str() {
        Some("Experiment") => {
            let experiment: Experiment = serde_json::from_value(value).map_err(wrong)?;
            let name = experiment.metadata.name.clone().unwrap_or_default();
            let mut run = ExperimentRun::new("", of(&name));
            run.metadata.namespace = experiment.metadata.namespace;
            run.spec.template = Some(experiment.spec);
            Ok(run)
        }
        Some("ExperimentRun") => serde_json::from_value(value).map_err(wrong),
        kind => Err(Failure::invalid(format!(
            "{shown} holds {}, expected an Experiment or an ExperimentRun",
            kind.map_or_else(|| "no kind".to_owned(), |kind| format!("kind {kind}"))
        ))),
    }
}
