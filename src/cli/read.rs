//! What people name on the command line: a file with an Experiment or a run, or an Experiment's name.

use std::path::PathBuf;

use super::{
    exit::Failure,
    manifest::{self, Resource},
    validate,
};
use crate::api::{ExperimentRun, ExperimentRunSpec, names};
use rand::{TryRng, rngs::SysRng};

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

/// A run of the Experiment of that name.
pub(super) fn of(experiment: &str) -> ExperimentRunSpec {
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
        Failure::new(super::exit::Exit::Infrastructure, format!("no random numbers: {error}"))
    })?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect())
}

/// The one resource of a file, which was found to be valid.
fn from_file(file: &PathBuf) -> Result<ExperimentRun, Failure> {
    let (name, text) = validate::text(file)?;
    let resources = manifest::read(&name, &text)
        .map_err(|report| Failure::invalid(format!("the file is not valid\n{report}")))?;
    match resources.into_iter().find(|resource| !matches!(resource, Resource::Other(_))) {
        Some(Resource::Experiment(experiment)) => {
            let mut run =
                ExperimentRun::new("", of(experiment.metadata.name.as_deref().unwrap_or_default()));
            run.metadata.namespace = experiment.metadata.namespace;
            run.spec.template = Some(experiment.spec);
            Ok(run)
        }
        Some(Resource::Run(run)) => Ok(*run),
        _ => Err(Failure::invalid(format!(
            "{name} holds neither an Experiment nor an ExperimentRun"
        ))),
    }
}
