//! Ends faults that nobody else ends: whatever is past its deadline or has lost its run.
//!
//! It needs neither the run nor its definition; everything that it must know is on the target. Whoever may edit a
//! namespace writes the objects that it reads there, so it keeps next to nothing of what it lists, reads one
//! object at a time, and goes to them in turns (`core/revert/turns.rs`).

#[cfg(test)]
mod tests;
mod visit;

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard},
    time::Duration as StdDuration,
};

use futures::{
    StreamExt,
    stream::{self, FuturesUnordered},
};
use kube::{Api, Client, Config, ResourceExt, api::ListParams};
use serde::Deserialize;
use tokio::{sync::Notify, time::MissedTickBehavior};

use self::visit::Visitor;
use super::{
    clients,
    clock::{Clock, Wall},
    lease, objects,
    reader::{Part, Reader},
};
use crate::{
    api::{ExperimentRun, SafetyLever, SafetyLeverSpec, names},
    core::revert::{
        reaping::{self, Need, Runs},
        turns::{self, After, Sighting, Turns},
    },
    faults::{Kind, Object},
    shell::{
        call::{Error, call},
        shared::lock,
    },
};

/// How long the controllers have to leave a broken template before somebody is told that they have not.
const SETTLE: StdDuration = StdDuration::from_secs(60);
/// How many objects are watched while they settle, where a person waits for that.
const SETTLING_AT_ONCE: usize = 64;
/// How often it is seen whose turn it is.
const TICK: StdDuration = StdDuration::from_secs(1);
/// What somebody is told when nothing moves any more.
const LATE: &str = "it is not clean yet: its controller has not left the broken template, or somebody else is at it";

/// What was done where every fault was ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Armed objects that were seen.
    pub armed: usize,
    /// Those of them that are disarmed now, as `kind namespace/name`.
    pub disarmed: Vec<String>,
    /// What could not be done, and why.
    pub failed: Vec<String>,
}

/// Ends what is due until `shutdown` resolves, and renews a Lease in `namespace` meanwhile.
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
        () = reaper.look_on() => {}
        () = reaper.work_on() => {}
        () = lease::renew(writes, wall, namespace, names::REAPER) => {}
    }
    Ok(())
}

/// Whoever ends faults that nobody else ends.
pub struct Reaper {
    visitor: Visitor,
    /// For pauses.
    clock: Clock,
    turns: Mutex<Turns>,
    /// A list has shown something.
    news: Notify,
}

impl Reaper {
    /// One that reads and writes by these clients, of which the second never retries by itself, as that field
    /// manager.
    #[must_use]
    pub fn new(reads: Client, writes: Client, wall: Wall, manager: &'static str) -> Self {
        let (clock, turns, news) = (wall.clock(), Mutex::default(), Notify::new());
        let visitor = Visitor { reader: Reader::new(reads), writes, wall, manager };
        Self { visitor, clock, turns, news }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        lock(&self.turns)
    }

    /// Lists the marked objects again and again.
    async fn look_on(&self) {
        let mut begins = tokio::time::interval(turns::SWEEP_EVERY.std());
        begins.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            begins.tick().await;
            self.look().await;
        }
    }

    /// Lists kind after kind; what one list shows has its turn while the next one is read.
    async fn look(&self) {
        let (runs, lever) = (self.runs().await, self.lever().await);
        for kind in Kind::ALL {
            self.turns().begin();
            let see = |sighting| self.turns().see(sighting, self.clock.now());
            match self.list(kind, (&runs, lever.as_ref()), see).await {
                Ok(()) => {
                    let any_lost = self.turns().any_lost();
                    let runs = if any_lost { self.runs().await } else { Runs::Unknown };
                    self.turns().close(kind, &runs);
                    self.news.notify_one();
                }
                Err(error) => tracing::error!(%kind, %error, "a list failed; it is tried again"),
            }
        }
    }

    /// Goes to whatever has its turn.
    async fn work_on(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut visits = FuturesUnordered::new();
        loop {
            while let Some(sighting) = self.next() {
                visits.push(self.attend(sighting));
            }
            tokio::select! {
                Some(()) = visits.next() => {}
                () = self.news.notified() => {}
                _ = ticks.tick() => {}
            }
        }
    }

    fn next(&self) -> Option<Sighting> {
        self.turns().next(self.clock.now())
    }

    async fn attend(&self, sighting: Sighting) {
        let object = name(&sighting);
        let (after, problem) = self.visitor.visit(&sighting).await;
        let pause = self.turns().done(sighting, after, self.clock.now());
        if after == After::Ended {
            tracing::info!(object, "a fault was ended");
        }
        if let Some(problem) = problem {
            tracing::error!(object, problem, "not all was done");
        } else if after == After::Soon && pause.is_some_and(|pause| pause.std() >= SETTLE) {
            tracing::error!(object, problem = LATE, "it is looked at again");
        }
    }

    /// Ends every fault once, whatever its deadline, for somebody who waits for it.
    pub async fn end_all(&self) -> Swept {
        let engaged = SafetyLeverSpec { engaged: true, ..SafetyLeverSpec::default() };
        let lever = SafetyLever::new(names::LEVER, engaged);
        let (mut swept, mut found) = (Swept::default(), Vec::new());
        for kind in Kind::ALL {
            let listed = self.list(kind, (&Runs::Unknown, Some(&lever)), |one| found.push(one));
            if let Err(error) = listed.await {
                swept.failed.push(format!("{kind}: {error}"));
            }
        }
        found.sort_by_key(|sighting| sighting.need);
        swept.armed = found.iter().filter(|sighting| sighting.need == Need::End).count();
        let visits = stream::iter(found).map(|sighting| async move {
            let visit = self.visitor.visit(&sighting).await;
            (sighting, visit)
        });
        let visits: Vec<_> = visits.buffer_unordered(turns::HANDS).collect().await;
        let mut settling = Vec::new();
        for (sighting, (after, problem)) in visits {
            let object = name(&sighting);
            swept.failed.extend(problem.map(|problem| format!("{object}: {problem}")));
            if after == After::Ended {
                swept.disarmed.push(object);
                settling.push(sighting.revoked());
            } else if after == After::Soon {
                settling.push(sighting);
            }
        }
        let settled = stream::iter(settling).map(|sighting| self.settle(sighting));
        let settled: Vec<_> = settled.buffer_unordered(SETTLING_AT_ONCE).collect().await;
        for (disarmed, problem) in settled {
            swept.disarmed.extend(disarmed);
            swept.failed.extend(problem);
        }
        swept
    }

    /// Goes to one object until nothing is left to do: says whether it is disarmed by that, and what could not
    /// be done.
    async fn settle(&self, mut sighting: Sighting) -> (Option<String>, Option<String>) {
        let object = name(&sighting);
        let mut disarmed = None;
        let done = tokio::time::timeout(SETTLE, async {
            loop {
                match self.visitor.visit(&sighting).await {
                    (After::Ended, problem) => {
                        disarmed = Some(object.clone());
                        sighting = sighting.clone().revoked();
                        if problem.is_some() {
                            return problem;
                        }
                    }
                    (After::Soon, None) => tokio::time::sleep(TICK).await,
                    (_, problem) => return problem,
                }
            }
        });
        let problem = done.await.unwrap_or_else(|_| Some(LATE.to_owned()));
        (disarmed, problem.map(|problem| format!("{object}: {problem}")))
    }

    /// Gives each marked object of a kind that needs something to `take`.
    async fn list(
        &self,
        kind: Kind,
        seen: (&Runs, Option<&SafetyLever>),
        mut take: impl FnMut(Sighting),
    ) -> Result<(), Error> {
        let wanted = |object: Object| {
            if let Some(need) = reaping::need(&object, seen, self.visitor.wall.now()) {
                take(Sighting::of(&object, need));
            }
        };
        objects::marked(&self.visitor.reader, (kind, None), wanted).await
    }

    /// A clean list tells which runs there are; so does a definition that is gone. An error tells nothing.
    async fn runs(&self) -> Runs {
        #[derive(Deserialize)]
        struct Run {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        struct Metadata {
            uid: String,
        }
        let runs: Api<ExperimentRun> = Api::all(self.visitor.reader.client().clone());
        let (url, wanted) = (runs.resource_url(), (Part::Metadata, ListParams::default()));
        let mut uids = BTreeSet::new();
        let take = |run: Run| {
            uids.insert(run.metadata.uid);
        };
        match self.visitor.reader.list("list the runs", url, wanted, take).await {
            Ok(_) => Runs::Known(uids),
            Err(error) if error.code() == Some(404) => Runs::Known(BTreeSet::new()),
            Err(error) => {
                tracing::warn!(%error, "the runs cannot be listed; only deadlines count");
                Runs::Unknown
            }
        }
    }

    async fn lever(&self) -> Option<SafetyLever> {
        let levers: Api<SafetyLever> = Api::all(self.visitor.reader.client().clone());
        let listed = call("list the levers", levers.list(&ListParams::default())).await.ok()?;
        listed.items.into_iter().find(|lever| lever.name_any() == names::LEVER)
    }
}

fn name(sighting: &Sighting) -> String {
    let Sighting { kind, namespace, name, .. } = sighting;
    format!("{} {namespace}/{name}", kind.to_string().to_lowercase())
}
