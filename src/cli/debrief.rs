//! `firedrill debrief list` and `show`: what the cluster has recorded, as tables, pages or data.
//!
//! Nothing is written, and nothing is measured anew: everything shown lies in the Debrief.

use std::io::{ErrorKind, Write};

use kube::{Api, Client, Resource, ResourceExt, api::ListParams};
use serde::Serialize;
use serde_json::json;

use super::{
    connect::Flags,
    exit::{Exit, Failure},
    view,
};
use crate::{
    api::{Debrief, Duration, Moment},
    debrief::{plain, render},
    shell::{
        call::{self, call},
        clock::Wall,
        list,
    },
};

/// Arguments of `firedrill debrief`.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// List the debriefs of a namespace.
    List(ListArgs),
    /// Print one debrief as a page to read or publish.
    Show(ShowArgs),
}

/// Arguments of `firedrill debrief list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// List those of every namespace.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ListOutput,
}

/// Arguments of `firedrill debrief show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Name of the debrief.
    pub name: String,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ShowOutput,
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

/// How one debrief is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ShowOutput {
    /// The page.
    #[default]
    Markdown,
    /// The whole object.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Lists debriefs, or shows one.
///
/// # Errors
/// When there is none of that name, or they cannot be read or printed.
pub async fn run(flags: &Flags, verb: &Verb) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    match verb {
        Verb::List(args) => list(cluster.client, &cluster.namespace, args).await,
        Verb::Show(args) => print(&show(cluster.client, &cluster.namespace, args).await?),
    }
}

async fn list(client: Client, namespace: &str, args: &ListArgs) -> Result<Exit, Failure> {
    let debriefs: Api<Debrief> =
        if args.all_namespaces { Api::all(client) } else { Api::namespaced(client, namespace) };
    let debriefs = list::all("list the debriefs", &debriefs, ListParams::default()).await?;
    if debriefs.is_empty() && args.output == ListOutput::Table {
        let place = if args.all_namespaces { "any namespace" } else { namespace };
        eprintln!("No debriefs in {}.", plain(place));
        return Ok(Exit::Met);
    }
    print(&listed(&debriefs, args, Wall::machine().now())?)
}

/// One debrief of `namespace` as it is printed.
///
/// # Errors
/// When there is none of that name, or it cannot be read or printed.
pub async fn show(client: Client, namespace: &str, args: &ShowArgs) -> Result<String, Failure> {
    let debriefs: Api<Debrief> = Api::namespaced(client, namespace);
    match call("read the debrief", debriefs.get(&args.name)).await {
        Ok(debrief) => shown(&debrief, args.output),
        Err(error) if is_absent(&error) => Err(Failure::invalid(plain(&format!(
            "there is no debrief {} in namespace {namespace}; \
             `firedrill debrief list -n {namespace}` shows those that exist",
            args.name
        )))),
        Err(error) => Err(error.into()),
    }
}

/// Whether the API server speaks of the object; without details it does not know the resource.
fn is_absent(error: &call::Error) -> bool {
    let call::Error::Call { source, .. } = error else {
        return false;
    };
    matches!(&**source, kube::Error::Api(status) if status.code == 404 && status.details.is_some())
}

fn print(text: &str) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads has seen enough, such as `head`.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unprintable(&error)),
        _ => Ok(Exit::Met),
    }
}

fn unprintable(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Infrastructure, format!("cannot print it: {error}"))
}

/// The list as it is printed at `now`.
///
/// # Errors
/// When it cannot be written as YAML.
pub fn listed(debriefs: &[Debrief], args: &ListArgs, now: Moment) -> Result<String, Failure> {
    let list = || json!({"apiVersion": "v1", "kind": "List", "items": debriefs.iter().map(view::object).collect::<Vec<_>>()});
    match args.output {
        ListOutput::Table => Ok(table(debriefs, args.all_namespaces, now)),
        ListOutput::Json => Ok(format!("{:#}\n", list())),
        ListOutput::Yaml => yaml(&list()),
        ListOutput::Name => Ok(debriefs.iter().map(qualified).collect()),
    }
}

/// One debrief as it is printed.
///
/// # Errors
/// When it cannot be written as YAML.
pub fn shown(debrief: &Debrief, output: ShowOutput) -> Result<String, Failure> {
    match output {
        ShowOutput::Markdown => Ok(render(debrief)),
        ShowOutput::Json => Ok(format!("{:#}\n", view::object(debrief))),
        ShowOutput::Yaml => yaml(&view::object(debrief)),
    }
}

fn yaml(value: &impl Serialize) -> Result<String, Failure> {
    serde_yaml::to_string(value).map_err(|error| unprintable(&error))
}

fn qualified(debrief: &Debrief) -> String {
    format!(
        "{}.{}/{}\n",
        Debrief::kind(&()).to_lowercase(),
        Debrief::group(&()),
        debrief.name_any()
    )
}

fn table(debriefs: &[Debrief], with_namespace: bool, now: Moment) -> String {
    let mut header = vec!["NAME", "STAGE", "MISSED", "SEVERITY", "DUE", "REPEATS", "AGE"];
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
    let created = debrief.metadata.creation_timestamp.as_ref().map(|time| Moment::new(time.0));
    vec![
        debrief.name_any(),
        or_none(status.stage.map(|stage| stage.to_string())),
        or_none(status.missed),
        debrief.spec.severity.to_string(),
        or_none(status.window.map(|window| due(window.not_after, now))),
        status.repeats.to_string(),
        or_none(created.map(|created| coarse(Duration::between(created, now)))),
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
