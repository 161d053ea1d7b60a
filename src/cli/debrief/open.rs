//! `firedrill debrief open`: a debrief of something real that no run has made.

use std::collections::BTreeMap;

use kube::{
    Api, ResourceExt,
    api::{ObjectMeta, PostParams},
};

use super::{
    change::{clock_of, instant},
    next::next,
};
use crate::{
    api::{
        Debrief, DebriefSpec, Experiment, Moment,
        debrief::{Incident, NoticedBy, Severity, Source, SourceKind},
        names,
    },
    cli::{connect::Cluster, exit::Failure, files},
    core::calendar::zone,
    debrief::{clock::Clock, edit::word, plain},
    shell::{call::call, run::create::suffix},
};

/// Arguments of `firedrill debrief open`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What happened, in one line.
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// When it really started: 2026-12-01 10:00 by --time-zone, 2026-12-01T10:00:00Z, or -2h.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    started_at: String,
    /// Who noticed: Alert, Team, Customer or Support. Of the last two the answer to "noticed in time?" is No.
    #[arg(long, value_name = "WHO", value_parser = word::<NoticedBy>)]
    noticed_by: NoticedBy,
    /// When somebody or something noticed; leave it out where nobody did.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    noticed_at: Option<String>,
    /// When the service was completely back; leave it out while it is not.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    resolved_at: Option<String>,
    /// How bad it was: Minor, Moderate or Major; default Moderate.
    #[arg(long, value_parser = word::<Severity>)]
    severity: Option<Severity>,
    /// A minor thing that is worth learning from; short for --severity Minor.
    #[arg(long, conflicts_with = "severity")]
    minor: bool,
    /// The Experiment whose runs are to prove that it cannot happen again.
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,
    /// The time zone of the debrief's hours, by its IANA name.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    time_zone: String,
}

/// Opens it.
pub async fn open(cluster: &Cluster, args: &Args, now: Moment) -> Result<String, Failure> {
    let spec = incident(args, now)?;
    let clock = clock_of(&spec)?;
    let mut labels = BTreeMap::from([(names::DEBRIEF.to_owned(), "true".to_owned())]);
    labels.extend(args.experiment.clone().map(|name| (names::EXPERIMENT.to_owned(), name)));
    let debrief = Debrief {
        metadata: ObjectMeta {
            name: Some(name(&clock, &spec)?),
            namespace: Some(cluster.namespace.clone()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    };
    let missing = missing(cluster, args).await;
    let debriefs: Api<Debrief> = Api::namespaced(cluster.writes.clone(), &cluster.namespace);
    let params =
        PostParams { field_manager: Some(names::CLI_MANAGER.to_owned()), ..PostParams::default() };
    let opened = call("create the debrief", debriefs.create(&params, &debrief))
        .await
        .map_err(Failure::refused)?;
    let (name, next) = (opened.name_any(), next(&opened, &clock, now));
    Ok(plain(&format!("debrief {name} is open{missing}. Next: {next}")))
}

fn incident(args: &Args, now: Moment) -> Result<DebriefSpec, Failure> {
    let time_zone = args.time_zone.clone();
    zone::find(&time_zone).map_err(|why| Failure::invalid(format!("--time-zone: {why}")))?;
    if args.experiment.as_deref().is_some_and(|name| !files::is_name(name)) {
        return Err(Failure::invalid("--experiment: this is no name of an Experiment"));
    }
    let severity =
        if args.minor { Severity::Minor } else { args.severity.unwrap_or(Severity::Moderate) };
    let source = Source { kind: SourceKind::Incident, run_ref: None };
    let mut spec = DebriefSpec::new(args.title.clone(), severity, source);
    spec.policy.time_zone = time_zone;
    let clock = clock_of(&spec)?;
    let started_at = past(&clock, now, "--started-at", &args.started_at)?;
    let later = |flag: &str, text: &Option<String>| -> Result<Option<Moment>, Failure> {
        let Some(text) = text else { return Ok(None) };
        let at = past(&clock, now, flag, text)?;
        if at < started_at {
            return Err(Failure::invalid(format!(
                "{flag}: {} is before it really started at {}",
                clock.minute(at),
                clock.minute(started_at)
            )));
        }
        Ok(Some(at))
    };
    let noticed_at = later("--noticed-at", &args.noticed_at)?;
    spec.resolved_at = later("--resolved-at", &args.resolved_at)?;
    let experiment = args.experiment.as_deref().map(Into::into);
    spec.incident =
        Some(Incident { started_at, noticed_at, noticed_by: args.noticed_by, experiment });
    Ok(spec)
}

fn past(clock: &Clock, now: Moment, flag: &str, text: &str) -> Result<Moment, Failure> {
    let at = instant(clock, now, flag, text)?;
    if at > now {
        let shown = clock.minute(at);
        return Err(Failure::invalid(format!("{flag}: {shown} is still to come")));
    }
    Ok(at)
}

/// `incident-<day>-<5 random>`. The operator's names end with eight hexadecimal digits and a number, as a day and digits
/// would.
fn name(clock: &Clock, spec: &DebriefSpec) -> Result<String, Failure> {
    let started_at = spec.incident.as_ref().map(|incident| clock.written(incident.started_at));
    let day: String =
        started_at.iter().flat_map(|at| at.chars()).take(10).filter(char::is_ascii_digit).collect();
    loop {
        let suffix = suffix()?;
        if suffix.chars().any(|c| c.is_ascii_alphabetic()) {
            return Ok(format!("incident-{day}-{suffix}"));
        }
    }
}

/// Words where the experiment that is to prove it does not exist yet; whoever may not read it is told nothing.
async fn missing(cluster: &Cluster, args: &Args) -> String {
    let Some(name) = &args.experiment else { return String::new() };
    let experiments: Api<Experiment> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let place = &cluster.namespace;
    match call("read the Experiment", experiments.get_metadata_opt(name)).await {
        Ok(None) => format!("; there is no Experiment {name} in namespace {place} yet"),
        _ => String::new(),
    }
}
