//! `firedrill debrief`: what was recorded, as tables, pages or data, and each step that people take on the way to the
//! proof, with their own rights. Where a debrief stands is concluded by the operator alone.

mod change;
mod edit;
mod exits;
mod items;
mod list;
mod meeting;
mod next;
mod open;
mod output;
mod schedule;
mod show;
mod verify;

pub use list::{ListArgs, ListOutput, listed};
pub use show::{ShowArgs, ShowOutput, show, shown};
pub use verify::verification;

use super::{
    connect::{Cluster, Flags},
    exit::{Exit, Failure},
};
use crate::{
    api::{Duration, Moment},
    shell::clock::Wall,
};

/// Arguments of `firedrill debrief`.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// List the debriefs of a namespace; what is due first comes first.
    List(ListArgs),
    /// Print one debrief as a page to read or publish.
    Show(ShowArgs),
    /// Edit what people write of it, as Markdown in your editor ($VISUAL, $EDITOR, else vi).
    Edit(edit::Args),
    /// What people say of it.
    #[command(flatten)]
    Step(Step),
    /// Run the experiment that missed once more, exactly as it was, to prove the change.
    Verify(verify::Args),
}

/// What people say of a debrief, each one write.
#[derive(Debug, clap::Subcommand)]
pub enum Step {
    /// Open one for something real that no run has made, also a minor one that is worth learning from.
    Open(open::Args),
    /// Say when the service was completely back, where no run has measured that.
    Resolved(meeting::ResolvedArgs),
    /// Say what it meant for people.
    Impact(meeting::ImpactArgs),
    /// Say that the meeting was held.
    Held(meeting::HeldArgs),
    /// Add, finish or drop what must change.
    #[command(subcommand)]
    Item(items::Verb),
    /// Say that a checkpoint was held.
    Checkpoint(meeting::CheckpointArgs),
    /// Accept the risk for a while: nothing is proven until its review.
    Accept(exits::AcceptArgs),
    /// Say that there is nothing to learn here.
    Dismiss(exits::DismissArgs),
    /// Say in words what is wrong with what was measured.
    Amend(exits::AmendArgs),
    /// Have the operator run the experiment by itself, in working hours, until everything is proven.
    Schedule(schedule::Args),
}

/// Carries out one of them.
///
/// # Errors
/// When the input is not valid, the cluster cannot be reached, or the user may not.
pub async fn run(flags: &Flags, verb: &Verb) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    let now = to_the_second(Wall::machine().now());
    match verb {
        Verb::List(args) => list::list(&cluster, args, now).await,
        Verb::Show(args) => output::print(&show(cluster.client, &cluster.namespace, args).await?),
        Verb::Edit(args) => Box::pin(edit::edit(&cluster, args, now)).await,
        Verb::Verify(args) => Box::pin(verify::verify(&cluster, args)).await,
        Verb::Step(step) => output::print(&format!("{}\n", step.take(&cluster, now).await?)),
    }
}

/// What people say is never known to less than a second.
fn to_the_second(now: Moment) -> Moment {
    now.minus(Duration::micros(u64::from(now.timestamp().subsec_microsecond().unsigned_abs())))
}

impl Step {
    /// Writes what people say at `now`, and tells what was written and what is next.
    ///
    /// # Errors
    /// When it is not valid, or the user may not.
    pub async fn take(&self, cluster: &Cluster, now: Moment) -> Result<String, Failure> {
        match self {
            Self::Open(args) => open::open(cluster, args, now).await,
            Self::Resolved(args) => meeting::resolved(cluster, args, now).await,
            Self::Impact(args) => meeting::impact(cluster, args, now).await,
            Self::Held(args) => meeting::held(cluster, args, now).await,
            Self::Item(verb) => items::run(cluster, verb, now).await,
            Self::Checkpoint(args) => meeting::checkpoint(cluster, args, now).await,
            Self::Accept(args) => exits::accept(cluster, args, now).await,
            Self::Dismiss(args) => exits::dismiss(cluster, args, now).await,
            Self::Amend(args) => exits::amend(cluster, args, now).await,
            Self::Schedule(args) => schedule::schedule(cluster, args, now).await,
        }
    }
}
