//! `firedrill debrief`: lists the records, and shows one as Markdown.

use kube::{Api, ResourceExt, api::ListParams};
use serde::Serialize;

use super::{
    connect::Flags,
    exit::{Exit, Failure},
    view,
};
use crate::{api::Debrief, debrief::render, shell::call};

/// Arguments of `firedrill debrief`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the debriefs.
    List {
        /// In every namespace.
        #[arg(short = 'A', long)]
        all_namespaces: bool,
        /// How to print them.
        #[arg(short, long, value_enum, default_value_t = ListFormat::Table)]
        output: ListFormat,
    },
    /// Show one debrief as Markdown, fit to publish.
    Show {
        /// Its name.
        name: String,
        /// How to print it.
        #[arg(short, long, value_enum, default_value_t = ShowFormat::Markdown)]
        output: ShowFormat,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ListFormat {
    Table,
    Json,
    Yaml,
    Name,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ShowFormat {
    Markdown,
    Json,
    Yaml,
}

/// Lists or shows.
///
/// # Errors
/// When the cluster cannot be reached or the debrief is not there.
pub async fn debrief(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    match &args.verb {
        Verb::List {
            all_namespaces,
            output,
        } => {
            let debriefs: Api<Debrief> = match all_namespaces {
                true => Api::all(cluster.client.clone()),
                false => Api::namespaced(cluster.client.clone(), &cluster.namespace),
            };
            let found = call("list the debriefs", debriefs.list(&ListParams::default()))
                .await?
                .items;
            print!("{}", list(&found, *output)?);
        }
        Verb::Show { name, output } => {
            let debriefs: Api<Debrief> =
                Api::namespaced(cluster.client.clone(), &cluster.namespace);
            let found = call("read the debrief", debriefs.get(name)).await?;
            match output {
                ShowFormat::Markdown => println!("{}", render(&found)),
                ShowFormat::Json => println!("{}", json(&found)?),
                ShowFormat::Yaml => print!("{}", yaml(&found)?),
            }
        }
    }
    Ok(Exit::Met)
}

fn list(debriefs: &[Debrief], format: ListFormat) -> Result<String, Failure> {
    Ok(match format {
        ListFormat::Table => table(debriefs),
        ListFormat::Json => json(&debriefs)? + "\n",
        ListFormat::Yaml => yaml(&debriefs)?,
        ListFormat::Name => debriefs.iter().fold(String::new(), |lines, debrief| {
            lines
                + "debrief.firedrill.dev/"
                + &debrief.name_any()
                + "
"
        }),
    })
}

fn table(debriefs: &[Debrief]) -> String {
    if debriefs.is_empty() {
        return "no debriefs\n".to_owned();
    }
    let row = |debrief: &Debrief| {
        let status = debrief.status.clone().unwrap_or_default();
        let missed: Vec<_> = debrief
            .spec
            .evidence
            .missed
            .iter()
            .map(ToString::to_string)
            .collect();
        [
            debrief.name_any(),
            status
                .stage
                .map(|stage| format!("{stage:?}"))
                .unwrap_or_default(),
            missed.join(","),
            status.repeats.to_string(),
            view::clean(&debrief.spec.title),
        ]
    };
    let head = ["NAME", "STAGE", "MISSED", "REPEATS", "TITLE"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head)
        .chain(debriefs.iter().map(row))
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::invalid(error.to_string()))
}

fn yaml(value: &impl Serialize) -> Result<String, Failure> {
    serde_saphyr::to_string(value).map_err(|error| Failure::invalid(error.to_string()))
}
