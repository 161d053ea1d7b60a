//! Follows a run to its end, from its status alone: what one terminal shows, every other one shows.

use std::{
    io::{IsTerminal, Write},
    pin::pin,
    time::Duration,
};

use futures::{Stream, StreamExt};
use kube::{
    Api,
    runtime::watcher::{self, Event},
};
use tokio::{signal::unix::SignalKind, time::interval};

use super::{
    connect::{Cluster, Flags},
    exit::{self, Exit, Failure},
    stop, view,
};
use crate::{
    api::{ExperimentRun, run::FactName},
    shell::{call::call, clock::Wall, watched::watched},
};

/// Arguments of `firedrill watch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the run.
    pub run: String,
}

/// Follows a run that somebody started; Ctrl-C only stops the looking.
///
/// # Errors
/// When the run cannot be reached.
pub async fn watch(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    let runs: Api<ExperimentRun> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    call("read the run", runs.get(&args.run)).await?;
    show(&cluster, &args.run, Role::Viewer).await
}

/// The part that this process has in the run that it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Somebody else started it; Ctrl-C only stops the looking.
    Viewer,
    /// It started the run, an operator carries it out; Ctrl-C reverts and stops it.
    Owner,
    /// It started the run and carries it out.
    Operator,
}

/// Shows the run until it is over, with its last lines.
///
/// # Errors
/// When the run cannot be reached.
pub async fn show(cluster: &Cluster, name: &str, role: Role) -> Result<Exit, Failure> {
    let style = view::Style::detect();
    let clock = Wall::machine().clock();
    let mut screen = Screen::new();
    let hint = hint(&cluster.namespace, name, role);
    let mut interrupts = pin!(interrupts()?);
    let mut versions = pin!(versions(cluster, name));
    let mut ticks = interval(Duration::from_millis(250));
    let mut latest: Option<ExperimentRun> = None;
    let mut interrupted = false;
    loop {
        tokio::select! {
            version = versions.next() => match version {
                Some(Some(run)) => {
                    screen.facts(&run);
                    if run.is_complete() {
                        screen.clear();
                        println!("{}", view::ending(&run, style));
                        return Ok(match ended(&run) {
                            exit if exit == Exit::RevertIncomplete || !interrupted => exit,
                            _ => Exit::Interrupted,
                        });
                    }
                    latest = Some(run);
                }
                Some(None) if interrupted => return Ok(Exit::Interrupted),
                _ => return Err(Failure::new(Exit::Undecided, format!("run {name} was deleted; what it broke is reverted"))),
            },
            _ = interrupts.next() => {
                if interrupted || role == Role::Viewer {
                    screen.clear();
                    eprintln!("{}", left(&cluster.namespace, name, role));
                    return Ok(Exit::Interrupted);
                }
                interrupted = true;
                screen.clear();
                eprintln!("stopping {name} and waiting until everything is reverted; Ctrl-C again leaves at once");
                stop::ask(cluster, name).await?;
            }
            _ = ticks.tick() => {
                if let Some(run) = &latest {
                    screen.draw(&view::block(run, clock.now(), &hint, style));
                }
            }
        }
    }
}

fn hint(namespace: &str, name: &str, role: Role) -> String {
    if role == Role::Viewer {
        format!("Ctrl-C leaves; the run goes on. End it with: firedrill stop {name} -n {namespace}")
    } else {
        format!("Ctrl-C reverts and stops. Follow elsewhere: firedrill watch {name} -n {namespace}")
    }
}

/// What goes on when its follower has left.
fn left(namespace: &str, name: &str, role: Role) -> String {
    match role {
        Role::Viewer => {
            format!("left; {name} goes on. End it with: firedrill stop {name} -n {namespace}")
        }
        Role::Owner => format!(
            "left; the operator goes on reverting {name}: firedrill watch {name} -n {namespace}"
        ),
        Role::Operator => format!(
            "left; {name} is asked to stop, and nobody but a reaper reverts it before an operator runs again: firedrill operator"
        ),
    }
}

/// The exit code of a run that is over; one that is over without its revert says so.
#[must_use]
pub fn ended(run: &ExperimentRun) -> Exit {
    if is_clean(run) {
        return exit::for_run(run);
    }
    eprintln!(
        "the run is over and its revert is not recorded: what it broke may still be broken; look at its target, or end every fault: firedrill revoke"
    );
    Exit::RevertIncomplete
}

/// Whether nothing of the fault is left, by the run's own word.
#[must_use]
pub fn is_clean(run: &ExperimentRun) -> bool {
    run.status.as_ref().is_some_and(|status| {
        let seen = |name| status.fact(name).is_some();
        !seen(FactName::Journaled) || seen(FactName::Reverted)
    })
}

/// Waits until the run is over and hands every version of it to `look`.
///
/// # Errors
/// When the run is deleted meanwhile.
pub async fn until_complete(
    cluster: &Cluster,
    name: &str,
    mut look: impl FnMut(&ExperimentRun),
) -> Result<ExperimentRun, Failure> {
    let mut versions = pin!(versions(cluster, name));
    while let Some(Some(run)) = versions.next().await {
        look(&run);
        if run.is_complete() {
            return Ok(run);
        }
    }
    Err(Failure::new(Exit::Undecided, format!("run {name} was deleted")))
}

/// Every version of the run, by watch; `None` when it is gone.
fn versions(cluster: &Cluster, name: &str) -> impl Stream<Item = Option<ExperimentRun>> + use<> {
    let runs: Api<ExperimentRun> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    watched(runs, config).filter_map(async |event| match event {
        Event::InitApply(run) | Event::Apply(run) => Some(Some(run)),
        Event::Delete(_) => Some(None),
        Event::Init | Event::InitDone => None,
    })
}

/// Ctrl-C and SIGTERM.
fn interrupts() -> Result<impl Stream<Item = ()>, Failure> {
    let listen = |kind| {
        tokio::signal::unix::signal(kind).map_err(|error| {
            Failure::new(Exit::Infrastructure, format!("cannot listen for Ctrl-C: {error}"))
        })
    };
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(futures::stream::poll_fn(move |context| match interrupt.poll_recv(context) {
        std::task::Poll::Pending => terminate.poll_recv(context),
        ready @ std::task::Poll::Ready(_) => ready,
    }))
}

/// A block that is drawn over itself on a terminal; elsewhere one line per fact, and no redraw.
struct Screen {
    terminal: bool,
    lines: usize,
    log: view::Log,
}

impl Screen {
    fn new() -> Self {
        Self { terminal: std::io::stdout().is_terminal(), lines: 0, log: view::Log::default() }
    }

    fn draw(&mut self, block: &str) {
        if self.terminal {
            self.clear();
            println!("{block}");
            self.lines = block.lines().count();
        }
    }

    /// Takes the last block away.
    fn clear(&mut self) {
        if self.lines > 0 {
            print!("\x1b[{}A\x1b[J", self.lines);
            std::io::stdout().flush().ok();
            self.lines = 0;
        }
    }

    fn facts(&mut self, run: &ExperimentRun) {
        if self.terminal {
            return;
        }
        for line in self.log.lines(run) {
            println!("{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_is_told_what_goes_on() {
        let told = |role| left("shop", "r", role);
        assert!(told(Role::Viewer).contains("r goes on"));
        assert!(told(Role::Owner).contains("the operator goes on reverting r"));
        assert!(
            told(Role::Operator)
                .contains("nobody but a reaper reverts it before an operator runs again")
        );
    }
}
