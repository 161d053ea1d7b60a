//! Days in a cluster: listed, shown, begun, ended, reported.

use std::{pin::pin, time::Duration};

use futures::StreamExt;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::watcher::{self, Event},
};
use serde_json::json;

use super::told::Told;
use crate::{
    api::{GameDay, GameDayRun, GameDayRunSpec, game_day_run::Outcome, names, run::Verdict},
    cli::{
        confirm::confirm,
        connect::{Cluster, Flags},
        exit::{Exit, Failure},
        view::{self, clean},
    },
    debrief::gameday,
    shell::{call::call, list, run::create::suffix, watched::watched},
};

/// How long an operator has to take up a day.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(10);

/// Arguments of `firedrill gameday list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// List those of every namespace.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Arguments of `firedrill gameday show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Name of the day.
    day: String,
    /// Go on until it is over; the exit code then tells its outcome.
    #[arg(short, long)]
    watch: bool,
}

/// Arguments of `firedrill gameday start`.
#[derive(Debug, clap::Args)]
pub struct StartArgs {
    /// Name of the GameDay.
    plan: String,
    /// Look at the gates alone; nothing is broken.
    #[arg(long)]
    dry_run: bool,
    /// Follow the day to its end; the exit code then tells its outcome.
    #[arg(short, long)]
    wait: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

/// Arguments of `firedrill gameday abort`.
#[derive(Debug, clap::Args)]
pub struct AbortArgs {
    /// Name of the day.
    day: String,
    /// Why, in a few words.
    #[arg(long)]
    reason: String,
}

/// Arguments of `firedrill gameday report`.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// Name of the day.
    day: String,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t)]
    output: ReportOutput,
    /// Add what will be done better the next time, and print the report with it.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// How days are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// One line each, for people.
    #[default]
    Table,
    /// A `List`, as kubectl prints it.
    Json,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum ReportOutput {
    /// The page.
    #[default]
    Markdown,
    /// The whole object.
    Json,
}

/// Lists days.
///
/// # Errors
/// When they cannot be listed.
pub async fn list(flags: &Flags, args: &ListArgs) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    let days: Api<GameDayRun> = if args.all_namespaces {
        Api::all(cluster.client.clone())
    } else {
        Api::namespaced(cluster.client.clone(), &cluster.namespace)
    };
    let mut days = list::all("list the game days", &days, ListParams::default()).await?;
    days.sort_by_key(|day| std::cmp::Reverse(day.begins()));
    if args.output == Output::Json {
        let items: Vec<_> = days.iter().map(view::object).collect();
        println!("{:#}", json!({"apiVersion": "v1", "kind": "List", "items": items}));
        return Ok(Exit::Met);
    }
    if days.is_empty() {
        eprintln!("No game days here. Begin one with: firedrill gameday start PLAN");
        return Ok(Exit::Met);
    }
    let header = ["NAMESPACE", "DAY", "PLAN", "BEGINS", "STAGE", "OUTCOME", "STEPS"];
    let row = |day: &GameDayRun| {
        let status = day.status.clone().unwrap_or_default();
        let ran = status.steps.iter().filter(|step| step.verdict.is_some()).count();
        let begins = day.begins().map(|at| at.timestamp().strftime("%Y-%m-%d %H:%MZ").to_string());
        vec![
            day.namespace().unwrap_or_default(),
            day.name_any(),
            day.spec.game_day.to_string(),
            begins.unwrap_or_default(),
            status.stage.unwrap_or_else(|| "Planned".to_owned()),
            status.outcome.map_or_else(|| "-".to_owned(), |outcome| outcome.to_string()),
            format!("{ran}/{}", status.steps.len()),
        ]
    };
    let from = usize::from(!args.all_namespaces);
    let rows = std::iter::once(header.map(str::to_owned).to_vec()).chain(days.iter().map(row));
    let rows = rows.map(|row| row[from..].iter().map(|cell| clean(cell)).collect());
    print!("{}", view::aligned(&rows.collect::<Vec<Vec<String>>>()));
    Ok(Exit::Met)
}

/// Shows a day, as it is or to its end.
///
/// # Errors
/// When there is none of that name, or it cannot be read.
pub async fn show(flags: &Flags, args: &ShowArgs) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    let day = read(&cluster, &args.day).await?;
    if args.watch {
        return follow(&cluster, &args.day).await;
    }
    let lines = Told::default().news(&day);
    println!("{}", lines.join("\n"));
    Ok(Exit::Met)
}

/// Begins a day of a plan.
///
/// # Errors
/// When there is no such plan, the answer is no, the user may not, or no operator takes it up.
pub async fn start(flags: &Flags, args: &StartArgs) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    cluster.check().await?;
    let plan = plan(&cluster, &args.plan).await?;
    let place = format!("namespace {} of context {}", cluster.namespace, cluster.context);
    let steps: Vec<&str> = plan.spec.steps.iter().map(|step| &*step.experiment).collect();
    if !args.dry_run {
        confirm(
            &format!("Run {} in {place}?", clean(&steps.join(", "))),
            &format!("this breaks something in {place}"),
            args.yes,
        )?;
    }
    let name = format!("{}-{}", args.plan, suffix()?);
    let mut day = GameDayRun::new(
        &name,
        GameDayRunSpec { dry_run: args.dry_run, ..GameDayRunSpec::of(&args.plan) },
    );
    day.spec.started_by = Some(cluster.who().await?);
    day.metadata.labels = Some([(names::GAME_DAY.to_owned(), args.plan.clone())].into());
    let days: Api<GameDayRun> = Api::namespaced(cluster.writes.clone(), &cluster.namespace);
    let params =
        PostParams { field_manager: Some(names::CLI_MANAGER.to_owned()), ..PostParams::default() };
    call("create the game day", days.create(&params, &day)).await?;
    let taken_up = kube::runtime::wait::await_condition(
        Api::<GameDayRun>::namespaced(cluster.client.clone(), &cluster.namespace),
        &name,
        |day: Option<&GameDayRun>| {
            let facts = day.and_then(|day| Some(&day.status.as_ref()?.facts));
            day.is_none() || facts.is_some_and(|facts| !facts.is_empty())
        },
    );
    if tokio::time::timeout(TAKEN_UP_WITHIN, taken_up).await.is_err() {
        call("take the game day back", days.delete(&name, &DeleteParams::default())).await?;
        return Err(Failure::new(
            Exit::Infrastructure,
            format!(
                "no operator took up the game day within {}s, so it was taken back and nothing was broken; \
                 install one in the cluster",
                TAKEN_UP_WITHIN.as_secs()
            ),
        ));
    }
    println!("{name}");
    if args.wait { follow(&cluster, &name).await } else { Ok(Exit::Met) }
}

/// Ends a day.
///
/// # Errors
/// When there is none of that name, or the user may not.
pub async fn abort(flags: &Flags, args: &AbortArgs) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    let day = read(&cluster, &args.day).await?;
    if day.is_over() {
        println!("game day {} is over already", args.day);
        return Ok(Exit::Met);
    }
    stop(&cluster, &args.day, &args.reason).await?;
    println!(
        "game day {} is asked to end: no further step starts, and what runs is reverted; \
         see: firedrill gameday show {} -n {}",
        args.day, args.day, cluster.namespace
    );
    Ok(Exit::Met)
}

async fn stop(cluster: &Cluster, day: &str, reason: &str) -> Result<(), Failure> {
    let days: Api<GameDayRun> = Api::namespaced(cluster.writes.clone(), &cluster.namespace);
    let patch = Patch::Merge(json!({"spec": {"stop": true, "stopReason": reason}}));
    call("stop the game day", days.patch(day, &PatchParams::default(), &patch)).await?;
    Ok(())
}

/// Prints the report of a day, with what will be done better.
///
/// # Errors
/// When there is none of that name, or it cannot be read or written.
pub async fn report(flags: &Flags, args: &ReportArgs) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    let mut day = read(&cluster, &args.day).await?;
    if let Some(note) = &args.note {
        let days: Api<GameDayRun> = Api::namespaced(cluster.writes.clone(), &cluster.namespace);
        let mut improvements = day.spec.improvements.clone();
        improvements.push(note.clone());
        // On the version that was read: somebody else's note must not be lost.
        let patch = Patch::Merge(json!({
            "metadata": {"resourceVersion": day.resource_version()},
            "spec": {"improvements": improvements},
        }));
        let params = PatchParams::default();
        day = call("write the note", days.patch(&args.day, &params, &patch)).await?;
    }
    match args.output {
        ReportOutput::Markdown => print!("{}", gameday::report(&day)),
        ReportOutput::Json => println!("{:#}", view::object(&day)),
    }
    Ok(Exit::Met)
}

/// The plan of that name.
pub(super) async fn plan(cluster: &Cluster, name: &str) -> Result<GameDay, Failure> {
    let plans: Api<GameDay> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    call("read the GameDay", plans.get_opt(name)).await?.ok_or_else(|| {
        let place = &cluster.namespace;
        Failure::invalid(format!("there is no GameDay {name} in namespace {place}"))
    })
}

pub(super) async fn read(cluster: &Cluster, name: &str) -> Result<GameDayRun, Failure> {
    let days: Api<GameDayRun> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    call("read the game day", days.get_opt(name)).await?.ok_or_else(|| {
        let place = &cluster.namespace;
        Failure::invalid(format!(
            "there is no game day {name} in namespace {place}; firedrill gameday list -n {place} shows those that exist"
        ))
    })
}

/// Shows a day until it is over.
async fn follow(cluster: &Cluster, name: &str) -> Result<Exit, Failure> {
    let days: Api<GameDayRun> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = pin!(watched(days, config));
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    let mut told = Told::default();
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = &mut interrupt => {
                let place = &cluster.namespace;
                eprintln!("left; {name} goes on. End it with: firedrill gameday abort {name} -n {place} --reason WHY");
                return Ok(Exit::Interrupted);
            }
        };
        match event {
            Some(Event::InitApply(day) | Event::Apply(day)) => {
                for line in told.news(&day) {
                    println!("{line}");
                }
                if day.is_over() {
                    return Ok(ended(&day));
                }
            }
            Some(Event::Delete(_)) | None => {
                return Err(Failure::new(Exit::Undecided, format!("game day {name} was deleted")));
            }
            Some(Event::Init | Event::InitDone) => {}
        }
    }
}

/// The exit code of a day that is over.
fn ended(day: &GameDayRun) -> Exit {
    let status = day.status.clone().unwrap_or_default();
    let mut verdicts = status.steps.iter().filter_map(|step| step.verdict);
    if verdicts.clone().any(Verdict::is_missed) {
        Exit::Missed
    } else if status.outcome == Some(Outcome::Done)
        && verdicts.all(|verdict| verdict == Verdict::Passed)
    {
        Exit::Met
    } else {
        Exit::Undecided
    }
}
