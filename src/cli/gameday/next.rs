//! `firedrill gameday next`: when a plan fires, of a file without any cluster or of a namespace; what is skipped and why.

use std::path::PathBuf;

use jiff::{Zoned, tz::TimeZone};
use serde_json::{Value, json};

use super::{calendar, days};
use crate::{
    api::GameDay,
    cli::{
        connect::Flags,
        exit::{Exit, Failure},
        files::{self, Resource},
        validate, view,
    },
    core::gameday::schedule::{Fire, Schedule},
    shell::clock::Wall,
};

/// Arguments of `firedrill gameday next`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// How many times; 1 to 100.
    #[arg(short, long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    count: u8,
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Which plan: exactly one of a file or a name.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// A file with a GameDay; `-` for standard input.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The name of a GameDay in the namespace.
    #[arg(value_name = "PLAN")]
    name: Option<String>,
}

/// How the times of a plan are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// One line each, for people.
    #[default]
    Table,
    /// A list.
    Json,
    /// A calendar to import, of the times that are not skipped.
    Ics,
}

/// Shows the times of a plan.
///
/// # Errors
/// When the file or the plan cannot be read, or the plan is not valid.
pub async fn run(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let plan = match (&args.which.file, &args.which.name) {
        (Some(file), _) => {
            let mut plan = from_file(file, flags.namespace.as_deref())?;
            plan.metadata.namespace = plan.metadata.namespace.or_else(|| flags.namespace.clone());
            plan
        }
        (None, name) => {
            days::plan(&flags.connect().await?, name.as_deref().unwrap_or_default()).await?
        }
    };
    let schedule = Schedule::parse(&plan.spec).map_err(|problems| {
        let told = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
        Failure::invalid(told.collect::<Vec<_>>().join("\n"))
    })?;
    if plan.spec.suspend {
        eprintln!("The plan is suspended, so none of this fires until spec.suspend is false.");
    }
    let now = Wall::machine().now();
    let fires: Vec<Fire> = schedule.fires(now).take(usize::from(args.count)).collect();
    let here = TimeZone::try_system().unwrap_or(TimeZone::UTC);
    match args.output {
        Output::Table => print!("{}", table(&fires, &schedule, &here)),
        Output::Json => println!("{}", data(&fires, &schedule, &here)),
        Output::Ics => print!("{}", calendar::of(&plan, &fires, now)),
    }
    Ok(Exit::Met)
}

/// The one plan of a file, which was found to be valid.
fn from_file(file: &PathBuf, namespace: Option<&str>) -> Result<GameDay, Failure> {
    let (name, text) = validate::text(file)?;
    let resources = files::read_for(&name, &text, namespace)
        .map_err(|report| Failure::invalid(format!("the file is not valid\n{report}")))?;
    let plan = resources.into_iter().find_map(|resource| match resource {
        Resource::GameDay(plan) => Some(*plan),
        _ => None,
    });
    plan.ok_or_else(|| Failure::invalid(format!("{name} holds no GameDay")))
}

fn table(fires: &[Fire], schedule: &Schedule, here: &TimeZone) -> String {
    let shown = |at: &Zoned| at.strftime("%a %Y-%m-%d %H:%M %Z").to_string();
    let name = |zone: &TimeZone| zone.iana_name().unwrap_or("local time").to_owned();
    let head = vec![name(schedule.zone()), format!("here, {}", name(here)), String::new()];
    let row = |fire: &Fire| {
        let local = schedule.local(fire.at);
        let what = fire.skipped.as_ref().map_or_else(
            || "fires".to_owned(),
            |skipped| format!("skipped: {}", view::clean(&skipped.to_string())),
        );
        vec![shown(&local), shown(&local.with_time_zone(here.clone())), what]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(fires.iter().map(row)).collect();
    view::aligned(&rows)
}

fn data(fires: &[Fire], schedule: &Schedule, here: &TimeZone) -> Value {
    let one = |fire: &Fire| {
        let local = schedule.local(fire.at);
        json!({
            "at": fire.at,
            "plan": local.to_string(),
            "here": local.with_time_zone(here.clone()).to_string(),
            "skipped": fire.skipped.as_ref().map(ToString::to_string),
        })
    };
    fires.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::Moment, core::calendar::zone};

    fn plan() -> (Schedule, Vec<Fire>, TimeZone) {
        let spec = json!({
            "schedule": "0 10 * * TUE#1", "timeZone": "Europe/London",
            "blackouts": [{"from": "2026-12-20", "to": "2027-01-05", "reason": "sales"}],
            "steps": [{"name": "kill", "experiment": "kill"}],
        });
        let schedule = Schedule::parse(&serde_json::from_value(spec).unwrap()).unwrap();
        let now: Moment = serde_json::from_value(json!("2026-12-01T09:00:00Z")).unwrap();
        let fires = schedule.fires(now).take(3).collect();
        (schedule, fires, zone::find("Asia/Tokyo").unwrap())
    }

    #[test]
    fn the_times_are_shown_there_and_here_with_what_is_skipped() {
        let (schedule, fires, here) = plan();
        let shown = "\
Europe/London              here, Asia/Tokyo
Tue 2026-12-01 10:00 GMT   Tue 2026-12-01 19:00 JST   fires
Tue 2027-01-05 10:00 GMT   Tue 2027-01-05 19:00 JST   skipped: in the blackout from 2026-12-20 to 2027-01-05 (sales)
Tue 2027-02-02 10:00 GMT   Tue 2027-02-02 19:00 JST   fires
";
        assert_eq!(table(&fires, &schedule, &here), shown);
        let data = data(&fires, &schedule, &here);
        assert_eq!(data[0]["plan"], "2026-12-01T10:00:00+00:00[Europe/London]");
        assert_eq!(data[0]["skipped"], Value::Null);
        assert_eq!(data[1]["skipped"], "in the blackout from 2026-12-20 to 2027-01-05 (sales)");
        assert_eq!(data[2]["here"], "2027-02-02T19:00:00+09:00[Asia/Tokyo]");
    }
}
