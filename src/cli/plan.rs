//! `firedrill plan`: a dry run on the cluster, shown and taken away again.

use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams},
};

use super::{
    connect::Flags,
    exit::{Exit, Failure},
    follow,
    read::Subject,
    view,
};
use crate::{
    api::ExperimentRun,
    shell::{call::call, clock::Wall},
};

/// Arguments of `firedrill plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    subject: Subject,
}

/// Shows what a run would do; exits with 3 when a guard would refuse it.
///
/// # Errors
/// When the input is not valid, the cluster cannot be reached, or no operator answers.
pub async fn plan(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let mut run = args.subject.run(flags)?;
    let mut cluster = flags.connect().await?;
    if let (None, Some(namespace)) = (&flags.namespace, &run.metadata.namespace) {
        cluster.namespace.clone_from(namespace);
    }
    cluster.check().await?;
    run.metadata.namespace = Some(cluster.namespace.clone());
    // A plan breaks nothing, so nothing holds it.
    run.metadata.finalizers = None;
    run.spec.dry_run = true;
    let runs: Api<ExperimentRun> = Api::namespaced(cluster.writes.clone(), &cluster.namespace);
    let created = call("create the plan", runs.create(&PostParams::default(), &run)).await?;
    let name = created.name_any();
    let limit = std::time::Duration::from_secs(30);
    let planned =
        tokio::time::timeout(limit, follow::until_complete(&cluster, &name, |_| {})).await;
    call("delete the plan", runs.delete(&name, &DeleteParams::default())).await?;
    let planned = planned.map_err(|_| {
        Failure::new(
            Exit::Infrastructure,
            "no operator answered within 30s. Start one with `firedrill operator`",
        )
    })??;
    println!("{}", view::planned(&planned, Wall::machine().now(), view::Style::detect()));
    Ok(exit(&planned))
}

/// A plan has no verdict unless its spec was refused; then every guard must be open.
fn exit(run: &ExperimentRun) -> Exit {
    let status = run.status.as_ref();
    if status.is_some_and(|status| status.verdict.is_some()) {
        return super::exit::for_run(run);
    }
    let guards = status.and_then(|status| status.journal.as_ref()).map(|plan| &plan.guards);
    let open = guards.is_some_and(|guards| guards.iter().all(|guard| guard.passed));
    if open { Exit::Met } else { Exit::Undecided }
}
