//! `firedrill debrief item`: what must change.

use super::change::{change, reason};
use crate::{
    api::{
        DebriefSpec, Moment,
        debrief::{ActionItem, Horizon, ItemState, ItemType, Objective, Steps},
    },
    cli::{connect::Cluster, exit::Failure},
    debrief::edit::word,
};

/// Arguments of `firedrill debrief item`.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Add something that must change.
    Add(AddArgs),
    /// Say that an item is done; the operator stamps when it saw that.
    Done(ItemArgs),
    /// Say that an item is not needed any more; it stays, with the reason.
    Drop(DropArgs),
    /// Say that a step of an item is done, where something is replaced.
    Step(StepArgs),
}

/// Arguments of `firedrill debrief item add`.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// Name of the debrief.
    name: String,
    /// What is to change.
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// The missed objectives that it turns to Yes: Detection, Recovery, Tolerance; none for what only helps.
    #[arg(long, value_name = "OBJECTIVES", value_delimiter = ',', value_parser = word::<Objective>)]
    turns_yes: Vec<Objective>,
    /// What kind of change: Prevent, Detect, Mitigate, Recover, Process or Investigate.
    #[arg(long = "type", value_name = "TYPE", value_parser = word::<ItemType>)]
    type_: ItemType,
    /// How soon: Immediate (due 14 days after the meeting), Short (30) or Long (90).
    #[arg(long, value_parser = word::<Horizon>)]
    horizon: Horizon,
    /// The team that does it.
    #[arg(long, value_name = "TEAM")]
    owner: String,
    /// When it is due, where that is not what its horizon says: 2026-12-20 18:00 or +10d.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    due: Option<String>,
    /// Where its ticket is, as text.
    #[arg(long, value_name = "TEXT")]
    ticket: Option<String>,
    /// Something is replaced: the new beside the old, shown to work, then the old taken away.
    #[arg(long)]
    steps: bool,
}

/// Arguments of `firedrill debrief item done`.
#[derive(Debug, clap::Args)]
pub struct ItemArgs {
    /// Name of the debrief.
    name: String,
    /// Name of the item, such as a1.
    id: String,
}

/// Arguments of `firedrill debrief item drop`.
#[derive(Debug, clap::Args)]
pub struct DropArgs {
    #[command(flatten)]
    item: ItemArgs,
    /// Why it is not needed any more.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Arguments of `firedrill debrief item step`.
#[derive(Debug, clap::Args)]
pub struct StepArgs {
    #[command(flatten)]
    item: ItemArgs,
    /// The step that is done.
    step: Step,
}

/// The steps by which something is replaced, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// The new stands beside the old.
    Add,
    /// The new was shown to work.
    Verify,
    /// The old is gone.
    Subtract,
}

/// Carries out one of them.
pub async fn run(cluster: &Cluster, verb: &Verb, now: Moment) -> Result<String, Failure> {
    match verb {
        Verb::Add(args) => add(cluster, args, now).await,
        Verb::Done(args) => {
            change(cluster, &args.name, now, |_, spec| {
                done(args, item(spec, &args.name, &args.id)?)
            })
            .await
        }
        Verb::Drop(DropArgs { item: args, reason: why }) => {
            let why = reason(why, 10)?;
            change(cluster, &args.name, now, |_, spec| {
                let item = item(spec, &args.name, &args.id)?;
                (item.state, item.drop_reason) = (ItemState::Dropped, Some(why.clone()));
                Ok(format!("item {} is dropped", args.id))
            })
            .await
        }
        Verb::Step(StepArgs { item: args, step: taken }) => {
            change(cluster, &args.name, now, |_, spec| {
                step(args, *taken, item(spec, &args.name, &args.id)?)
            })
            .await
        }
    }
}

async fn add(cluster: &Cluster, args: &AddArgs, now: Moment) -> Result<String, Failure> {
    change(cluster, &args.name, now, |seen, spec| {
        let due_at = args.due.as_deref().map(|due| seen.instant("--due", due)).transpose()?;
        let id = next_id(spec);
        spec.action_items.push(ActionItem {
            id: id.clone(),
            title: args.title.clone(),
            turns_yes: args.turns_yes.clone(),
            type_: args.type_,
            horizon: args.horizon,
            owner_team: args.owner.clone(),
            due_at,
            state: ItemState::Open,
            drop_reason: None,
            steps: args.steps.then(Steps::default),
            ticket: args.ticket.clone(),
        });
        Ok(format!("item {id} is added for {}", args.owner))
    })
    .await
}

/// One more than any before: `a1`, `a2`, …
fn next_id(spec: &DebriefSpec) -> String {
    let numbers =
        spec.action_items.iter().filter_map(|item| item.id.strip_prefix('a')?.parse().ok());
    format!("a{}", numbers.max().unwrap_or(0_u64).saturating_add(1))
}

fn item<'a>(
    spec: &'a mut DebriefSpec,
    debrief: &str,
    id: &str,
) -> Result<&'a mut ActionItem, Failure> {
    let known: Vec<String> = spec.action_items.iter().map(|item| item.id.clone()).collect();
    spec.action_items.iter_mut().find(|item| item.id == id).ok_or_else(|| {
        let known = if known.is_empty() {
            "it has none yet; firedrill debrief item add adds one".to_owned()
        } else {
            format!("it has {}", known.join(", "))
        };
        Failure::invalid(format!("debrief {debrief} has no item {id}: {known}"))
    })
}

fn done(args: &ItemArgs, item: &mut ActionItem) -> Result<String, Failure> {
    if let Some(next) = item.steps.and_then(next_step) {
        return Err(Failure::invalid(format!(
            "item {id} is done in steps, and the next one is {next}: firedrill debrief item step {} {id} {next}",
            args.name,
            id = args.id
        )));
    }
    (item.state, item.drop_reason) = (ItemState::Done, None);
    Ok(format!("item {} is done", args.id))
}

/// The first step that is not done.
fn next_step(steps: Steps) -> Option<&'static str> {
    [(steps.add, "add"), (steps.verify, "verify"), (steps.subtract, "subtract")]
        .into_iter()
        .find(|(is_done, _)| !is_done)
        .map(|(_, step)| step)
}

fn step(args: &ItemArgs, taken: Step, item: &mut ActionItem) -> Result<String, Failure> {
    let mut steps = item.steps.unwrap_or_default();
    let before = match taken {
        Step::Verify if !steps.add => Some("add"),
        Step::Subtract if !steps.verify => next_step(steps),
        _ => None,
    };
    if let Some(before) = before {
        return Err(Failure::invalid(format!(
            "item {id}: the steps come in order, and {before} is not done yet: firedrill debrief item step {} {id} {before}",
            args.name,
            id = args.id
        )));
    }
    let (step, meaning) = match taken {
        Step::Add => (&mut steps.add, "the new stands beside the old"),
        Step::Verify => (&mut steps.verify, "the new was shown to work"),
        Step::Subtract => (&mut steps.subtract, "the old is gone"),
    };
    *step = true;
    item.steps = Some(steps);
    Ok(format!("item {}: {meaning}", args.id))
}
