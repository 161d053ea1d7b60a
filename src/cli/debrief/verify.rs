//! `firedrill debrief verify`: the experiment that missed once more, exactly as it was, with the user's own rights.

use kube::ResourceExt;
use serde_json::{Value, json};

use super::{
    output::{print, yaml},
    show::read,
};
use crate::{
    api::{Debrief, ExperimentRun, ExperimentRunSpec, ExperimentSpec},
    cli::{
        connect::Cluster,
        exit::{Exit, Failure},
        follow::{self, Role},
        run::{accepted, start},
        view,
    },
    debrief::{plain, stage},
    faults,
    shell::run::create,
};

/// Arguments of `firedrill debrief verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the debrief.
    name: String,
    /// Take away all pods of the target and not only some: where the change has hidden the impact, nothing else asks.
    #[arg(long)]
    larger: bool,
    /// Follow the run to its end; the exit code then tells its verdict.
    #[arg(short, long, conflicts_with = "output")]
    wait: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Print the run and do not create it.
    #[arg(short, long, value_enum)]
    output: Option<Output>,
}

/// How the run is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// As YAML, for whoever keeps everything in git.
    Yaml,
    /// The same as JSON.
    Json,
}

/// Creates the run that is to prove a debrief, or prints it.
pub async fn verify(cluster: &Cluster, args: &Args) -> Result<Exit, Failure> {
    let debrief = read(cluster.client.clone(), &cluster.namespace, &args.name).await?;
    let mut run = create::prepare(verification(&debrief, args.larger)?)?;
    run.metadata.namespace = Some(cluster.namespace.clone());
    match args.output {
        Some(Output::Yaml) => return print(&yaml(&view::object(&run))?),
        Some(Output::Json) => return print(&format!("{:#}\n", view::object(&run))),
        None => {}
    }
    for lacks in lacks(&debrief) {
        eprintln!("warning: {lacks}");
    }
    let created = start(cluster, &run, args.yes).await?;
    accepted(cluster, &created).await?;
    let (run, place) = (created.name_any(), &cluster.namespace);
    if args.wait {
        eprintln!("run {run} in namespace {place}");
        return follow::show(cluster, &run, Role::Owner).await;
    }
    println!(
        "run {run} is to prove debrief {}; follow it: firedrill watch {run} -n {place}",
        args.name
    );
    Ok(Exit::Met)
}

/// What is still to be done before a run counts, by the operator's word.
fn lacks(debrief: &Debrief) -> Vec<String> {
    let questions = debrief.status.iter().flat_map(|status| &status.questions);
    let lacking = questions.filter(|question| !question.lacks.is_empty());
    let words = lacking.map(|question| {
        let (objective, passes, needed) = (question.objective, question.passes, question.needed);
        plain(&format!("{objective}: {passes} of {needed} passes; {}", question.lacks))
    });
    words.collect()
}

/// The run that is to prove a debrief: what missed, exactly; `larger` takes the whole target.
///
/// # Errors
/// When the debrief is over, names no experiment, or its fault cannot be larger.
pub fn verification(debrief: &Debrief, larger: bool) -> Result<ExperimentRun, Failure> {
    let name = debrief.name_any();
    if !stage::is_open(debrief) {
        return Err(Failure::invalid(format!(
            "debrief {name} is over, so no run proves anything more"
        )));
    }
    let Some(experiment) = debrief.spec.experiment() else {
        return Err(Failure::invalid(format!(
            "debrief {name} names no experiment that proves it; name one: \
             kubectl patch fddeb {name} --type merge -p '{{\"spec\":{{\"incident\":{{\"experiment\":\"NAME\"}}}}}}'"
        )));
    };
    let missed = debrief.spec.evidence.as_ref().map(|evidence| evidence.spec.clone());
    let template = match (missed, larger) {
        (Some(spec), true) => Some(whole(spec)?),
        (None, true) => {
            return Err(Failure::invalid(
                "--larger changes the experiment that missed, and an incident has none; change the Experiment itself",
            ));
        }
        (spec, false) => spec,
    };
    let mut run = ExperimentRun::new("", ExperimentRunSpec::of(experiment));
    run.metadata.namespace.clone_from(&debrief.metadata.namespace);
    run.spec.template = template.map(Box::new);
    run.spec.verifies = Some(name.as_str().into());
    Ok(run)
}

/// The spec with a fault that takes every pod of the target, and guards that let it.
fn whole(mut spec: ExperimentSpec) -> Result<ExperimentSpec, Failure> {
    if faults::behaviour(&spec.fault).means.taking().is_none() {
        return Err(Failure::invalid(format!(
            "--larger: {} takes no pods away, so there is no larger one of it",
            spec.fault.name()
        )));
    }
    let mut fault = serde_json::to_value(&spec.fault).unwrap_or_default();
    if let Some(Value::Object(fields)) = fault.get_mut(spec.fault.name()) {
        fields.remove("count");
        fields.insert("percent".to_owned(), json!(100));
    }
    spec.fault = serde_json::from_value(fault)
        .map_err(|error| Failure::invalid(format!("--larger: {error}")))?;
    spec.guards.min_ready = 0;
    Ok(spec)
}
