//! `firedrill run`: creates a run, and with `--wait` follows it to its verdict.

use std::{path::PathBuf, pin::pin, time::Duration};

use kube::{Api, ResourceExt};

use super::{
    confirm::confirm,
    connect::{Cluster, Flags},
    exit::{Exit, Failure},
    follow::{self, Role},
    operator,
    read::Subject,
    view::clean,
};
use crate::{
    api::{ExperimentRun, names},
    shell::run::create,
};

/// How long our own operator has to let go of a run that is over.
const RELEASED_WITHIN: Duration = Duration::from_secs(10);

/// Arguments of `firedrill run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    subject: Subject,
    /// Follow the run to its end; the exit code then tells its verdict.
    #[arg(short, long)]
    wait: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Run the operator in this process meanwhile, for this run alone, with your own rights.
    #[arg(long)]
    local: bool,
    /// The operator's configuration, with --local.
    #[arg(long, env = "FIREDRILL_CONFIG")]
    config: Option<PathBuf>,
}

/// Creates a run, prints its name, and with `--wait` follows it.
///
/// # Errors
/// When the input is not valid, the cluster cannot be reached, or no operator takes the run up.
pub async fn run(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let mut run = args.subject.run(flags)?;
    let mut cluster = flags.connect().await?;
    if let (None, Some(namespace)) = (&flags.namespace, &run.metadata.namespace) {
        cluster.namespace.clone_from(namespace);
    }
    run.metadata.namespace = Some(cluster.namespace.clone());
    let created = start(&cluster, &run, args.yes).await?;
    let name = created.name_any();
    if !args.local {
        accepted(&cluster, &created).await?;
        return finish(&cluster, &name, args.wait, Role::Owner).await;
    }
    let beside = operator::local(&cluster, args.config.as_deref(), &name);
    let followed = async {
        accepted(&cluster, &created).await?;
        let exit = finish(&cluster, &name, true, Role::Operator).await?;
        released(&cluster, &name).await;
        Ok(exit)
    };
    let (beside, followed) = (pin!(beside), pin!(followed));
    match futures::future::select(followed, beside).await {
        futures::future::Either::Left((exit, _)) => exit,
        futures::future::Either::Right((ended, _)) => Err(ended),
    }
}

async fn finish(cluster: &Cluster, name: &str, wait: bool, role: Role) -> Result<Exit, Failure> {
    if wait {
        eprintln!("run {name} in namespace {}", cluster.namespace);
        return follow::show(cluster, name, role).await;
    }
    println!("{name}");
    Ok(Exit::Met)
}

/// Creates the run, once that was asked.
pub(super) async fn start(
    cluster: &Cluster,
    run: &ExperimentRun,
    yes: bool,
) -> Result<ExperimentRun, Failure> {
    cluster.check().await?;
    let place = format!("namespace {} of context {}", cluster.namespace, cluster.context);
    confirm(
        &format!("Run {} in {place}?", run.spec.experiment),
        &format!("this breaks something in {place}"),
        yes,
    )?;
    let created = create::create(&cluster.writes, run, names::CLI_MANAGER).await;
    created.map_err(Failure::refused)
}

/// Waits until an operator has taken up the run.
pub(super) async fn accepted(cluster: &Cluster, created: &ExperimentRun) -> Result<(), Failure> {
    let (reads, writes) = (&cluster.client, &cluster.writes);
    let run = create::until_taken_up(reads, writes, created, names::CLI_MANAGER).await?;
    warn(&run.ok_or_else(|| {
        Failure::new(
            Exit::Infrastructure,
            "no operator took up the run within 10s, so it was taken back and nothing was broken. \
             Start one with `firedrill operator`, or install it in the cluster; `firedrill run --local` needs none",
        )
    })?);
    Ok(())
}

/// What the operator found out that is worth knowing before anything is broken.
fn warn(run: &ExperimentRun) {
    let plan = run.status.as_ref().and_then(|status| status.journal.as_ref());
    for warning in plan.iter().flat_map(|plan| &plan.warnings) {
        eprintln!("warning: {}", clean(&warning.to_string()));
    }
}

/// Waits until our own operator has let go of a run that is over: nobody else would, and the run
/// could never be deleted.
async fn released(cluster: &Cluster, name: &str) {
    let let_go = kube::runtime::wait::await_condition(
        Api::<ExperimentRun>::namespaced(cluster.client.clone(), &cluster.namespace),
        name,
        |run: Option<&ExperimentRun>| run.is_none_or(|run| !run.is_complete() || !run.is_held()),
    );
    tokio::time::timeout(RELEASED_WITHIN, let_go).await.ok();
}
