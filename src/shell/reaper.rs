//! Ends faults that nobody else ends: whatever is past its deadline or has lost its run.
//!
//! It needs neither the run nor its definition; everything that it must know is on the target.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration as StdDuration,
};

use futures::{
    StreamExt,
    future::join_all,
    stream::{self, FuturesUnordered},
};
use k8s_openapi::api::core::v1::Pod as KubePod;
use kube::{
    Api, Client, Config, ResourceExt,
    api::{ListParams, Preconditions},
    core::PartialObjectMeta,
};

use super::{clients, clock::Wall, lease, list, objects, perform, revisions, run::observe};
use crate::{
    api::{Duration, ExperimentRun, Moment, SafetyLever, mark::Mark, names, run::FieldChange},
    core::{
        revert::{
            leftovers::{self, Leftovers, Revision},
            reaping::{self, Runs},
        },
        signals::pods::Pod,
    },
    faults::{Call, Kind, Object, Outcome, arming, call::Change},
    shell::call::{Error, call},
};

/// Time from one sweep to the next.
const SWEEP_EVERY: StdDuration = StdDuration::from_secs(10);
/// How long a policy that we created outlives its revocation, so that a delayed arming fails on it.
const TOMBSTONE: Duration = Duration::minutes(10);
/// How many revoked objects are looked at side by side.
const TOMBSTONES_AT_ONCE: usize = 8;
/// How long the controllers have to leave a broken template before the rest is left to the next sweep.
const SETTLE: StdDuration = StdDuration::from_secs(60);

/// What one sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Armed objects that were seen.
    pub armed: usize,
    /// Those of them that are disarmed now, as `kind namespace/name`.
    pub disarmed: Vec<String>,
    /// What could not be done, and why.
    pub failed: Vec<String>,
}

/// Which faults a sweep ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that are due: past their deadline, without their run, or under an engaged lever.
    Due,
    /// All of them.
    All,
}

/// Sweeps until `shutdown` resolves, and renews a Lease in `namespace` meanwhile.
///
/// # Errors
/// When the connection cannot be set up.
pub async fn run(
    cluster: &Config,
    namespace: Option<&str>,
    shutdown: impl Future<Output = ()>,
) -> kube::Result<()> {
    let (reads, writes) = clients::pair(cluster)?;
    let wall = Wall::machine();
    let reaper = Reaper::new(reads, writes.clone(), wall.clone(), names::REAPER);
    tokio::select! {
        () = shutdown => {}
        () = reaper.sweep_on() => {}
        () = lease::renew(writes, wall, namespace, names::REAPER) => {}
    }
    Ok(())
}

/// What a sweep needs.
pub struct Reaper {
    reads: Client,
    writes: Client,
    /// Deadlines were written by other processes, and this one may be months old.
    wall: Wall,
    /// As which field manager it writes.
    manager: &'static str,
    /// By UID of the object, the last revocation after which nothing is left behind, or somebody is at it.
    tidied: Mutex<BTreeMap<String, String>>,
}

impl Reaper {
    /// One that reads and writes by these clients, of which the second never retries by itself, as that field
    /// manager.
    #[must_use]
    pub fn new(reads: Client, writes: Client, wall: Wall, manager: &'static str) -> Self {
        Self { reads, writes, wall, manager, tidied: Mutex::default() }
    }

    /// A sweep that waits for a controller holds up no other: what it has disarmed is not due again.
    async fn sweep_on(&self) {
        let mut begins = tokio::time::interval(SWEEP_EVERY);
        let mut sweeps = FuturesUnordered::new();
        loop {
            tokio::select! {
                _ = begins.tick() => sweeps.push(self.sweep(Which::Due)),
                Some(swept) = sweeps.next() => log_swept(&swept),
            }
        }
    }

    /// Ends faults once.
    pub async fn sweep(&self, which: Which) -> Swept {
        let (runs, lever) = futures::join!(self.runs(), self.lever());
        let mut swept = Swept::default();
        let lists = Kind::ALL.map(|kind| async move {
            (kind, objects::labelled(&self.reads, kind, names::FAULT).await)
        });
        let (mut found, mut revoked) = (Vec::new(), Vec::new());
        for (kind, listed) in join_all(lists).await {
            match listed {
                Ok(objects) => {
                    for object in objects {
                        match object.mark() {
                            Some(mark) if mark.armed => {
                                swept.armed += 1;
                                let due = || {
                                    let (lever, now) = (lever.as_ref(), self.wall.now());
                                    reaping::is_due(&object, &mark, (&runs, lever), now)
                                };
                                if which == Which::All || due() {
                                    found.push((object, mark));
                                }
                            }
                            Some(_) => revoked.push(object),
                            None => swept
                                .failed
                                .push(format!("{}: its mark cannot be read", name(&object))),
                        }
                    }
                }
                Err(error) => swept.failed.push(format!("{kind}: {error}")),
            }
        }
        for (object, outcome) in join_all(
            found
                .iter()
                .map(|(object, mark)| async move { (name(object), self.end(object, mark).await) }),
        )
        .await
        {
            match outcome {
                Ok(()) => swept.disarmed.push(object),
                Err(problem) => swept.failed.push(format!("{object}: {problem}")),
            }
        }
        let finished = revoked.iter().map(|object| self.finish(object));
        swept.failed.extend(
            stream::iter(finished)
                .buffer_unordered(TOMBSTONES_AT_ONCE)
                .filter_map(async |finished| finished.err())
                .collect::<Vec<_>>()
                .await,
        );
        swept
    }

    /// A clean list tells which runs there are; so does a definition that is gone. An error tells nothing.
    async fn runs(&self) -> Runs {
        let runs: Api<PartialObjectMeta<ExperimentRun>> = Api::all(self.reads.clone());
        match list::all("list the runs", &runs, ListParams::default()).await {
            Ok(runs) => Runs::Known(runs.iter().filter_map(ResourceExt::uid).collect()),
            Err(error) if error.code() == Some(404) => Runs::Known(BTreeSet::new()),
            Err(error) => {
                tracing::warn!(%error, "the runs cannot be listed; only deadlines count");
                Runs::Unknown
            }
        }
    }

    async fn lever(&self) -> Option<SafetyLever> {
        let levers: Api<SafetyLever> = Api::all(self.reads.clone());
        let listed = call("list the levers", levers.list(&ListParams::default())).await.ok()?;
        listed.items.into_iter().find(|lever| lever.name_any() == names::LEVER)
    }

    /// Disarms an object, and removes what the rollout leaves behind once its controller has left it.
    async fn end(&self, object: &Object, mark: &Mark) -> Result<(), String> {
        let fields = self.fields(object).await?;
        let patch = arming::disarm(object, mark, &fields, self.wall.now());
        let call = Call::Disarm(Change::of(object, patch));
        match perform::one(&self.writes, object.namespace(), &call, self.manager).await {
            // Somebody else is at it; the next sweep looks again.
            Outcome::Changed | Outcome::Gone => return Ok(()),
            outcome => settle(outcome)?,
        }
        self.tidy_in_time(object, &fields).await
    }

    /// What a revert left behind is removed by whoever reverted, unless that one was killed or its run
    /// was gone by then; so each revocation is looked at once.
    async fn finish(&self, object: &Object) -> Result<(), String> {
        self.delete_policy(object).await;
        let revocation = object.label().unwrap_or_default();
        let tidied = || self.tidied.lock().unwrap_or_else(PoisonError::into_inner);
        let last = tidied().insert(object.uid().to_owned(), revocation.to_owned());
        if last.as_deref() == Some(revocation) {
            return Ok(());
        }
        let finished = async { self.tidy_in_time(object, &self.fields(object).await?).await };
        finished.await.map_err(|problem| {
            tidied().remove(object.uid());
            format!("{}: {problem}", name(object))
        })
    }

    async fn tidy_in_time(&self, object: &Object, fields: &[FieldChange]) -> Result<(), String> {
        let late = "it is disarmed, but its controller has not left the broken template";
        let tidied = tokio::time::timeout(SETTLE, self.tidy(object, fields)).await;
        tidied.unwrap_or_else(|_| Err(late.to_owned()))
    }

    async fn send(&self, namespace: &str, request: &Call) -> Result<(), String> {
        settle(perform::one(&self.writes, namespace, request, self.manager).await)
    }

    /// What was changed, by the object's annotations; where somebody took them away, by the copies
    /// that its revisions have.
    async fn fields(&self, object: &Object) -> Result<Vec<FieldChange>, String> {
        let fields = arming::recorded(object);
        if !fields.is_empty() {
            return Ok(fields);
        }
        let marked = revisions::marked(&self.reads, object).await;
        let marked = marked.map_err(|error| error.to_string())?;
        Ok(marked.iter().flat_map(revisions::Marked::recorded).collect())
    }

    async fn tidy(&self, object: &Object, fields: &[FieldChange]) -> Result<(), String> {
        let namespace = object.namespace();
        loop {
            let live = objects::read(&self.reads, object.kind, namespace, object.name()).await;
            let Some(live) = live.map_err(|error| error.to_string())? else {
                return Ok(());
            };
            let (faulty, pods) =
                self.remains(&live, fields).await.map_err(|error| error.to_string())?;
            match leftovers::find(&live, &faulty, &pods) {
                Leftovers::None => return Ok(()),
                Leftovers::Remove(calls) => {
                    for call in &calls {
                        self.send(namespace, call).await?;
                    }
                }
                Leftovers::Settling => tokio::time::sleep(StdDuration::from_secs(1)).await,
            }
        }
    }

    async fn remains(
        &self,
        object: &Object,
        fields: &[FieldChange],
    ) -> Result<(Vec<Revision>, Vec<Pod>), Error> {
        let faulty = revisions::faulty(revisions::marked(&self.reads, object).await?, fields);
        if !matches!(object.kind, Kind::StatefulSet | Kind::DaemonSet) {
            return Ok((faulty, Vec::new()));
        }
        let params = ListParams::default().labels(&objects::pod_selector(object));
        let pods: Api<KubePod> = Api::namespaced(self.reads.clone(), object.namespace());
        let listed = call("list the pods", pods.list(&params)).await?;
        Ok((faulty, listed.items.iter().map(observe::read_pod).collect()))
    }

    /// Deletes a policy that we created, a while after its revocation.
    async fn delete_policy(&self, object: &Object) {
        let ours = object.value["metadata"]["labels"][names::RUN].is_string();
        if object.kind != Kind::NetworkPolicy || !ours {
            return;
        }
        let since = object
            .annotation(names::REVOKED_AT)
            .or_else(|| object.value["metadata"]["creationTimestamp"].as_str())
            .and_then(|text| serde_json::from_value::<Moment>(text.into()).ok());
        if since.is_none_or(|since| Duration::between(since, self.wall.now()) < TOMBSTONE) {
            return;
        }
        let params = kube::api::DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(object.uid().to_owned()),
                resource_version: Some(object.resource_version().to_owned()),
            }),
            ..kube::api::DeleteParams::default()
        };
        let policies = objects::api(&self.writes, object.kind, Some(object.namespace()));
        let deleted = call("delete the policy", policies.delete(object.name(), &params)).await;
        if let Err(error) = deleted {
            tracing::warn!(%error, object = name(object), "a revoked policy could not be deleted");
        }
    }
}

fn log_swept(swept: &Swept) {
    for object in &swept.disarmed {
        tracing::info!(object, "a fault was ended");
    }
    for problem in &swept.failed {
        tracing::error!(problem, "a part of a sweep failed; the next sweep tries it again");
    }
}

/// What a call that did not succeed says; one whose object is gone or another by now is as good.
fn settle(outcome: Outcome) -> Result<(), String> {
    match outcome {
        Outcome::Accepted | Outcome::Gone | Outcome::Changed => Ok(()),
        Outcome::Refused(words) | Outcome::Denied(words) | Outcome::Unknown(words) => Err(words),
    }
}

fn name(object: &Object) -> String {
    format!("{} {}/{}", object.kind.to_string().to_lowercase(), object.namespace(), object.name())
}
