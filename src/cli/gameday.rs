//! `firedrill gameday`: the days of a namespace, a day by hand, its approval, its end, its report; and when a plan fires.

mod approve;
mod calendar;
mod days;
pub mod next;
mod told;

use super::{
    connect::Flags,
    exit::{Exit, Failure},
};

/// Arguments of `firedrill gameday`.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// List the game days of a namespace.
    List(days::ListArgs),
    /// Show a day: its gates, its steps and its outcome.
    Show(days::ShowArgs),
    /// Begin a day of a plan now.
    Start(days::StartArgs),
    /// Approve what a day would run, exactly as it is.
    Approve(approve::Args),
    /// End a day: no further step starts, and what runs is reverted.
    Abort(days::AbortArgs),
    /// Print what was learned on a day.
    Report(days::ReportArgs),
    /// Show when a plan fires next, there and here, and what is skipped and why.
    Next(next::Args),
}

/// Carries out one of them.
///
/// # Errors
/// When the input is not valid, the cluster cannot be reached, or the user may not.
pub async fn run(flags: &Flags, verb: &Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::List(args) => days::list(flags, args).await,
        Verb::Show(args) => days::show(flags, args).await,
        Verb::Start(args) => days::start(flags, args).await,
        Verb::Approve(args) => approve::approve(flags, args).await,
        Verb::Abort(args) => days::abort(flags, args).await,
        Verb::Report(args) => days::report(flags, args).await,
        Verb::Next(args) => next::run(flags, args).await,
    }
}
