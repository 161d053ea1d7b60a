//! `firedrill debrief list`: what is due first comes first.

use kube::{Api, Resource, ResourceExt, api::ListParams};
use serde_json::json;

use super::output::{print, yaml};
use crate::{
    api::{Debrief, Duration, Moment, debrief::Objective},
    cli::{
        connect::Cluster,
        exit::{Exit, Failure},
        view,
    },
    debrief::{plain, stage},
    shell::list,
};

/// Arguments of `firedrill debrief list`.
#[derive(Debug, Default, clap::Args)]
pub struct ListArgs {
    /// List those of every namespace.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Only those of this team: it answers for the target, or an item is its own.
    #[arg(long, value_name = "OWNER")]
    pub mine: Option<String>,
    /// Also those that are over.
    #[arg(long)]
    pub all: bool,
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ListOutput,
}

/// How a list is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ListOutput {
    /// One line each, for people.
    #[default]
    Table,
    /// A `List`, as kubectl prints it.
    Json,
    /// The same as YAML.
    Yaml,
    /// One name per line, fit for kubectl.
    Name,
}

/// Lists debriefs.
pub(super) async fn list(cluster: &Cluster, args: &ListArgs, now: Moment) -> Result<Exit, Failure> {
    let client = cluster.client.clone();
    let debriefs: Api<Debrief> = if args.all_namespaces {
        Api::all(client)
    } else {
        Api::namespaced(client, &cluster.namespace)
    };
    // The API server leaves out those that are over, of which there may be many times as many.
    let asked = ListParams::default();
    let asked = if args.all { asked } else { asked.fields("status.endedAt=") };
    let debriefs = list::all("list the debriefs", &debriefs, asked).await?;
    if chosen(&debriefs, args).is_empty() && args.output == ListOutput::Table {
        let place = if args.all_namespaces { "any namespace" } else { &cluster.namespace };
        let (open, more) =
            if args.all { ("", "") } else { (" open", "; --all shows those that are over too") };
        let of = args.mine.as_ref().map(|owner| format!(" of {owner}")).unwrap_or_default();
        eprintln!("{}", plain(&format!("No{open} debriefs{of} in {place}{more}.")));
        return Ok(Exit::Met);
    }
    print(&listed(&debriefs, args, now)?)
}

/// The list as it is printed at `now`.
///
/// # Errors
/// When it cannot be written as YAML.
pub fn listed(debriefs: &[Debrief], args: &ListArgs, now: Moment) -> Result<String, Failure> {
    let debriefs = chosen(debriefs, args);
    let items = || debriefs.iter().map(|debrief| view::object(*debrief)).collect::<Vec<_>>();
    let list = || json!({"apiVersion": "v1", "kind": "List", "items": items()});
    match args.output {
        ListOutput::Table => Ok(table(&debriefs, args.all_namespaces, now)),
        ListOutput::Json => Ok(format!("{:#}\n", list())),
        ListOutput::Yaml => yaml(&list()),
        ListOutput::Name => Ok(debriefs.iter().map(|debrief| qualified(debrief)).collect()),
    }
}

/// Those that were asked for: by what is due, then the oldest first.
fn chosen<'a>(debriefs: &'a [Debrief], args: &ListArgs) -> Vec<&'a Debrief> {
    let is_asked_for = |debrief: &&Debrief| {
        (args.all || stage::is_open(debrief))
            && args.mine.as_deref().is_none_or(|owner| is_of(debrief, owner))
    };
    let mut chosen: Vec<&Debrief> = debriefs.iter().filter(is_asked_for).collect();
    chosen.sort_by_key(|debrief| {
        let due = debrief.status.as_ref().and_then(|status| status.due);
        (due.is_none(), due, created(debrief))
    });
    chosen
}

fn is_of(debrief: &Debrief, owner: &str) -> bool {
    let answers = debrief.spec.evidence.iter().any(|evidence| evidence.owner == owner);
    answers || debrief.spec.action_items.iter().any(|item| item.owner_team == owner)
}

fn created(debrief: &Debrief) -> Option<Moment> {
    debrief.metadata.creation_timestamp.as_ref().map(|time| Moment::new(time.0))
}

fn qualified(debrief: &Debrief) -> String {
    format!(
        "{}.{}/{}\n",
        Debrief::kind(&()).to_lowercase(),
        Debrief::group(&()),
        debrief.name_any()
    )
}

fn table(debriefs: &[&Debrief], with_namespace: bool, now: Moment) -> String {
    let mut header = vec!["NAME", "STAGE", "MISSED", "SEVERITY", "ITEMS", "DUE", "REPEATS", "AGE"];
    if with_namespace {
        header.insert(0, "NAMESPACE");
    }
    let mut rows = vec![header.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for debrief in debriefs {
        let mut row = row(debrief, now);
        if with_namespace {
            row.insert(0, debrief.namespace().unwrap_or_default());
        }
        rows.push(row.iter().map(|cell| plain(cell)).collect());
    }
    view::aligned(&rows)
}

fn row(debrief: &Debrief, now: Moment) -> Vec<String> {
    let status = debrief.status.clone().unwrap_or_default();
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let measured = debrief.spec.evidence.as_ref().map(|evidence| {
        evidence.missed.iter().map(Objective::to_string).collect::<Vec<_>>().join(",")
    });
    vec![
        debrief.name_any(),
        or_none(status.stage.map(|stage| stage.to_string())),
        or_none(status.missed.or(measured)),
        debrief.spec.severity.to_string(),
        or_none(status.items_finished),
        or_none(status.due.map(|at| due(at, now))),
        status.repeats.to_string(),
        or_none(created(debrief).map(|created| coarse(Duration::between(created, now)))),
    ]
}

fn due(at: Moment, now: Moment) -> String {
    if at >= now {
        format!("in {}", coarse(Duration::between(now, at)))
    } else {
        format!("{} ago", coarse(Duration::between(at, now)))
    }
}

/// The length in its largest unit, as kubectl shows ages.
fn coarse(length: Duration) -> String {
    match length.std().as_secs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}
