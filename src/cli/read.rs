//! What people name on the command line: a file with an Experiment or a run, or an Experiment's name.

use std::path::{Path, PathBuf};

use super::{connect::Flags, exit::Failure, validate};
use crate::{
    api::{ExperimentRun, ExperimentRunSpec},
    cli::files::{self, Resource},
    shell::run::create,
};

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
    /// The run to create.
    ///
    /// # Errors
    /// When the file cannot be read, holds something else or is for another namespace, or the name is none.
    pub fn run(&self, flags: &Flags) -> Result<ExperimentRun, Failure> {
        let run = match (&self.file, &self.name) {
            (Some(file), _) => from_file(file, flags.namespace.as_deref())?,
            (None, Some(name)) => ExperimentRun::new("", ExperimentRunSpec::of(named(name)?)),
            (None, None) => return Err(Failure::invalid("name an Experiment, or a file with -f")),
        };
        Ok(create::prepare(run)?)
    }
}

/// The name of an Experiment; a file without `-f` is none.
fn named(name: &str) -> Result<&str, Failure> {
    let is_file = Path::new(name).extension().is_some_and(|extension| {
        ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    });
    if is_file || name.contains('/') || name == "-" {
        return Err(Failure::invalid(format!(
            "{name} is a file and no name of an Experiment; did you mean -f {name}?"
        )));
    }
    if !files::is_name(name) {
        return Err(Failure::invalid(format!(
            "{name:?} is no name of an Experiment; see `kubectl get experiments`, or name a file with -f"
        )));
    }
    Ok(name)
}

/// The one resource of a file, which was found to be valid.
fn from_file(file: &PathBuf, namespace: Option<&str>) -> Result<ExperimentRun, Failure> {
    let (name, text) = validate::text(file)?;
    let resources = files::read_for(&name, &text, namespace)
        .map_err(|report| Failure::invalid(format!("the file is not valid\n{report}")))?;
    match resources.into_iter().find(|resource| !matches!(resource, Resource::Other(_))) {
        Some(Resource::Experiment(experiment)) => {
            let name = experiment.metadata.name.as_deref().unwrap_or_default();
            let mut run = ExperimentRun::new("", ExperimentRunSpec::of(name));
            run.metadata.namespace = experiment.metadata.namespace;
            run.spec.template = Some(Box::new(experiment.spec));
            Ok(run)
        }
        Some(Resource::Run(run)) => Ok(*run),
        _ => Err(Failure::invalid(format!(
            "{name} holds neither an Experiment nor an ExperimentRun"
        ))),
    }
}
