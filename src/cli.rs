//! The command line: what people type, and what they see.

pub mod confirm;
pub mod connect;
pub mod crds;
pub mod debrief;
pub mod disable;
pub mod doctor;
pub mod enable;
pub mod exit;
pub mod files;
pub mod follow;
pub mod gameday;
pub mod grants;
pub mod lever;
pub mod operator;
pub mod plan;
pub mod protected;
pub mod read;
pub mod reaper;
pub mod revoke;
pub mod rights;
pub mod run;
pub mod stop;
pub mod validate;
pub mod view;

use std::{ffi::OsStr, path::Path, process::ExitCode};

use clap::{CommandFactory, Parser};

use exit::Exit;

/// Rehearse failure, measure the response, learn once.
///
/// Exit codes: 0 objectives met, 1 missed or not recovered, 2 invalid input, 3 inconclusive, aborted
/// or refused by a guard, 4 infrastructure, 5 revert incomplete, 130 interrupted (after reverting).
#[derive(Parser)]
#[command(name = "firedrill", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    cluster: connect::Flags,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Run an experiment, and with --wait follow it to its verdict.
    Run(run::Args),
    /// Follow a run that somebody started.
    Watch(follow::Args),
    /// Check files without a cluster: every problem at once, with its place.
    Validate(validate::Args),
    /// Show what a run would do: victims, calls and every guard. Nothing is touched.
    Plan(plan::Args),
    /// End a run now; what it broke is reverted.
    Stop(stop::Args),
    /// Engage the safety lever: stop and revert every run, refuse new ones.
    Halt(lever::HaltArgs),
    /// Release the safety lever.
    Resume(lever::ResumeArgs),
    /// Let experiments run in a namespace: show, ask, and create what its owner grants.
    Enable(enable::Args),
    /// End what is live in a namespace and take away what its owner granted.
    Disable(disable::Args),
    /// Show what was learned from missed objectives.
    #[command(subcommand)]
    Debrief(debrief::Verb),
    /// Plan, run and report game days.
    #[command(subcommand)]
    Gameday(gameday::Verb),
    /// Check the connection, the resources, the rights, and by the operator its alert sources and the reaper.
    Doctor(doctor::Args),
    /// Run the operator.
    Operator(operator::Args),
    /// Run the reaper: it ends faults that nobody else ends.
    Reaper(reaper::Args),
    /// End every fault of the cluster by hand, without an operator.
    Revoke(revoke::Args),
    /// Print the custom resource definitions: firedrill crds | kubectl apply -f -
    Crds,
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Runs the program and gives its exit code.
#[must_use]
pub fn main() -> ExitCode {
    // Two TLS libraries could each offer a provider; the first TLS configuration needs exactly one.
    rustls::crypto::ring::default_provider().install_default().ok();
    let cli = Cli::parse();
    log(matches!(cli.verb, Verb::Operator(_) | Verb::Reaper(_)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(Box::pin(dispatch(cli)));
            // A second Ctrl-C must not wait for what still runs in the background.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => {
            Err(exit::Failure::new(Exit::Infrastructure, format!("cannot start: {error}")))
        }
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit.into()
        }
    }
}

async fn dispatch(cli: Cli) -> Result<Exit, exit::Failure> {
    let cluster = &cli.cluster;
    match cli.verb {
        Verb::Run(args) => Box::pin(run::run(cluster, &args)).await,
        Verb::Watch(args) => Box::pin(follow::watch(cluster, &args)).await,
        Verb::Validate(args) => validate::validate(cluster, &args),
        Verb::Plan(args) => plan::plan(cluster, &args).await,
        Verb::Stop(args) => stop::stop(cluster, &args).await,
        Verb::Halt(args) => lever::halt(cluster, &args).await,
        Verb::Resume(args) => lever::resume(cluster, &args).await,
        Verb::Enable(args) => enable::enable(cluster, &args).await,
        Verb::Disable(args) => disable::disable(cluster, &args).await,
        Verb::Debrief(verb) => Box::pin(debrief::run(cluster, &verb)).await,
        Verb::Gameday(verb) => gameday::run(cluster, &verb).await,
        Verb::Crds => crds::crds(),
        Verb::Doctor(args) => doctor::doctor(cluster, &args).await,
        Verb::Operator(args) => operator::run(cluster, &args).await,
        Verb::Reaper(args) => reaper::run(cluster, &args).await,
        Verb::Revoke(args) => Box::pin(revoke::revoke(cluster, &args)).await,
        Verb::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                called_as(),
                &mut std::io::stdout(),
            );
            Ok(Exit::Met)
        }
    }
}

/// `firedrill`, or `kubectl-firedrill` where it is a plugin of kubectl.
fn called_as() -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&program).file_name().and_then(OsStr::to_str);
    name.unwrap_or("firedrill").to_owned()
}

/// The operator logs to standard error, as JSON where that is no terminal; the CLI only our own errors,
/// as those of libraries come back as sentences.
fn log(operator: bool) {
    use std::io::IsTerminal;
    use tracing_subscriber::EnvFilter;
    let default = if operator { "firedrill=info" } else { "firedrill=error" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        lines.init();
    } else {
        lines.json().init();
    }
}
