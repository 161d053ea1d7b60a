//! `firedrill revoke --all`: ends every fault of the cluster by hand, with nobody else's help.

use std::fmt::Debug;

use kube::{
    Api, Resource,
    api::ListParams,
    core::{NamespaceResourceScope, PartialObjectMeta},
};

use super::{
    confirm::confirm,
    connect::{Cluster, Flags},
    exit::{Exit, Failure},
};
use crate::{
    api::{ExperimentRun, GameDayRun, names},
    core::words::count,
    shell::{
        call::{Error, Namespaced},
        clock::Wall,
        lease, list,
        reaper::{Reaper, Swept},
        record,
    },
};

/// Arguments of `firedrill revoke`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Every fault of the cluster, whatever its deadline.
    #[arg(long = "all", required = true)]
    _all: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

/// Ends every fault, and says what could not be ended.
///
/// # Errors
/// When the cluster cannot be reached.
pub async fn revoke(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    let place = format!("every fault of context {}", cluster.context);
    confirm(&format!("End {place}?"), &format!("this ends {place}"), args.yes)?;
    let (reads, writes) = (cluster.client.clone(), cluster.writes.clone());
    let reaper = Reaper::new(reads, writes, Wall::machine(), names::REVOKE_MANAGER);
    let swept = reaper.end_all().await;
    for object in &swept.disarmed {
        println!("disarmed   {object}");
    }
    for problem in &swept.failed {
        eprintln!("failed     {problem}");
    }
    let operator = lease::holder(&cluster.client, names::OPERATOR, Wall::machine().now()).await;
    let (freed, exit) = match held_by(operator) {
        None => (free(&cluster).await?, Exit::Met),
        Some((why, exit)) => {
            eprintln!("{why}");
            (0, exit)
        }
    };
    println!("{}", sentence(&swept, freed));
    Ok(if swept.failed.is_empty() { exit } else { Exit::RevertIncomplete })
}

/// Why no run is freed, and how the program ends then; absent where no operator is alive. One that is would go
/// on with a run that nothing holds, and where nobody knows, one may be.
fn held_by(operator: Result<Option<String>, Error>) -> Option<(String, Exit)> {
    let lease = names::OPERATOR;
    match operator {
        Ok(None) => None,
        Ok(Some(namespace)) => Some((
            format!(
                "no run is freed: the operator in {namespace} is alive and lets its runs go by itself; if it \
                 is gone for good, repeat in a minute, or after: kubectl -n {namespace} delete lease {lease}"
            ),
            Exit::Met,
        )),
        Err(error) => Some((
            format!(
                "no run is freed, because an operator may be alive: {}; repeat as somebody who may list the \
                 Leases of every namespace",
                Failure::from(error)
            ),
            Exit::Infrastructure,
        )),
    }
}

fn sentence(swept: &Swept, freed: usize) -> String {
    let (disarmed, failed) = (swept.disarmed.len(), swept.failed.len());
    let (live, freed) = (count(swept.armed, "live fault"), count(freed, "run"));
    format!("{live}: {disarmed} ended, {failed} failed; {freed} freed")
}

/// Takes our finalizers off every run and every game day that still has them, and gives the number of runs.
async fn free(cluster: &Cluster) -> Result<usize, Failure> {
    freed::<GameDayRun>(cluster, "list the game days", names::DAY_FINALIZER).await?;
    freed::<ExperimentRun>(cluster, "list the runs", names::FINALIZER).await
}

/// Takes that finalizer off every object of the kind.
async fn freed<K>(cluster: &Cluster, what: &'static str, finalizer: &str) -> Result<usize, Failure>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug,
    PartialObjectMeta<K>: Namespaced,
{
    let objects: Api<PartialObjectMeta<K>> = Api::all(cluster.client.clone());
    let objects = match list::all(what, &objects, ListParams::default()).await {
        Err(error) if error.code() == Some(404) => return Ok(0),
        other => other?,
    };
    let mut freed = 0;
    for object in objects.iter().filter(|object| names::is_held(object.meta(), finalizer)) {
        let hold = (finalizer, names::REVOKE_MANAGER);
        record::remove_finalizer("free it", &cluster.writes, object, hold).await?;
        freed += 1;
    }
    Ok(freed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_freed_only_where_it_is_known_that_no_operator_is_alive() {
        assert_eq!(held_by(Ok(None)), None);
        let (alive, exit) = held_by(Ok(Some("ops".to_owned()))).unwrap();
        assert!(alive.contains("kubectl -n ops delete lease firedrill-operator"), "{alive}");
        assert_eq!(exit, Exit::Met);
        let (unknown, exit) = held_by(Err(Error::Timeout("list the Leases"))).unwrap();
        assert!(unknown.contains("could not list the Leases"), "{unknown}");
        assert!(unknown.contains("may list the Leases"), "{unknown}");
        assert_eq!(exit, Exit::Infrastructure);
    }
}
