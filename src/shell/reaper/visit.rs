//! What the reaper does with one object: one bounded thing each time it goes there.

use k8s_openapi::api::core::v1::Pod as KubePod;
use kube::{Api, Client, api::ListParams};
use serde_json::{Map, Value, json};

use crate::{
    api::run::FieldChange,
    core::{
        revert::{
            leftovers::{self, Leftovers},
            reaping::Need,
            turns::{After, Sighting},
        },
        signals::pods::Pod,
        span::crop,
    },
    faults::{
        Call, Kind, Object, Outcome, arming,
        call::{Change, Exact},
        record::{self, Record},
    },
    shell::{
        call::Error,
        clock::Wall,
        objects, perform,
        reader::{Part, Reader},
        revisions,
        run::observe,
    },
};

/// How long going to one object may take; what is left is for the next time.
const LONGEST_VISIT: std::time::Duration = std::time::Duration::from_secs(20);
/// How many leftovers of one object are removed at once.
const REMOVED_AT_ONCE: usize = 20;
/// How much of an answer is told; a refusal may repeat the object.
const LONGEST_WORDS: usize = 1024;

/// What came of going to an object, and what somebody should know of it.
pub type Visit = (After, Option<String>);

/// Why something could not be done, and what comes of that.
struct Problem {
    words: String,
    after: After,
}

impl Problem {
    const fn refused(words: String) -> Self {
        Self { words, after: After::Refused }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let is_answered = match &error {
            Error::Timeout(_) => false,
            Error::Call { .. } if !error.is_unreadable() => {
                error.code().is_some_and(|code| code < 500 && code != 429)
            }
            _ => true,
        };
        let after = if is_answered { After::Refused } else { After::Unanswered };
        Self { words: error.to_string(), after }
    }
}

/// What it takes to go to an object.
pub struct Visitor {
    /// By which it reads, one answer at a time.
    pub reader: Reader,
    /// By which it writes.
    pub writes: Client,
    /// Deadlines were written by other processes, and this one may be months old.
    pub wall: Wall,
    /// As which field manager it writes.
    pub manager: &'static str,
}

impl Visitor {
    /// Goes to one object, for a bounded time.
    pub async fn visit(&self, sighting: &Sighting) -> Visit {
        let visit = async {
            match sighting.need {
                Need::End | Need::EndLost => self.end(sighting).await,
                Need::Tidy => self.tidy(sighting).await.map(|after| (after, None)),
                Need::Bury => self.bury(sighting).await.map(|after| (after, None)),
                Need::Tell => Err(Problem::refused("its mark cannot be read".to_owned())),
            }
        };
        let late = || Problem::refused(format!("it took longer than {}s", LONGEST_VISIT.as_secs()));
        let visit = tokio::time::timeout(LONGEST_VISIT, visit).await;
        let visit = visit.unwrap_or_else(|_| Err(late()));
        visit.unwrap_or_else(|Problem { words, after }| (after, Some(crop(words, LONGEST_WORDS))))
    }

    /// What `take` makes of the object as it is; absent where it is gone, or has another mark by now.
    async fn live<T>(
        &self,
        sighting: &Sighting,
        take: impl FnOnce(Object) -> T,
    ) -> Result<Option<T>, Error> {
        let at = (sighting.kind, sighting.namespace.as_str(), sighting.name.as_str());
        let as_listed = |object: Object| {
            let label = object.label().unwrap_or_default();
            let is_same = object.uid() == sighting.uid && label == sighting.label;
            is_same.then(|| take(object))
        };
        objects::with(&self.reader, at, as_listed).await.map(Option::flatten)
    }

    /// Disarms it.
    async fn end(&self, sighting: &Sighting) -> Result<Visit, Problem> {
        let change = |object: &Object, fields: &[FieldChange]| {
            let patch = arming::disarm(object, &object.mark()?, fields, self.wall.now());
            Some(Change::of(object, patch))
        };
        let read = self.live(sighting, |object| {
            let Record { fields, refused } = record::read(&object);
            // Somebody may have taken its annotations away. The copies that its revisions have are left.
            let bare = fields.is_empty();
            (if bare { Err(workload(&object)) } else { Ok(change(&object, &fields)) }, refused)
        });
        let (change, refused) = match read.await? {
            None => (None, Vec::new()),
            Some((Ok(change), refused)) => (change, refused),
            Some((Err(workload), refused)) => {
                let copies = revisions::recorded(&self.reader, &workload).await?;
                let again = self.live(sighting, |object| change(&object, &copies));
                (again.await?.flatten(), refused)
            }
        };
        let Some(change) = change else { return Ok((After::Elsewhere, None)) };
        match self.send(sighting, &Call::Disarm(change)).await {
            Outcome::Gone => Ok((After::Elsewhere, None)),
            // Somebody else is at it.
            Outcome::Changed => Ok((After::Soon, None)),
            outcome => accepted(outcome).map(|()| (After::Ended, left_alone(&refused))),
        }
    }

    /// Removes what a revert left behind, as far as its controller has left it. Whoever reverted does that too,
    /// unless that one was killed or its run was gone by then.
    async fn tidy(&self, sighting: &Sighting) -> Result<After, Problem> {
        let Some(object) = self.live(sighting, |object| workload(&object)).await? else {
            return Ok(After::Elsewhere);
        };
        let faulty = revisions::faulty(&self.reader, &object, None).await?;
        match leftovers::find(&object, &faulty, &self.pods(&object).await?) {
            Leftovers::None => Ok(After::Done),
            Leftovers::Remove(calls) => {
                for call in calls.iter().take(REMOVED_AT_ONCE) {
                    accepted(self.send(sighting, call).await)?;
                }
                Ok(After::Soon)
            }
            Leftovers::Settling => Ok(After::Soon),
        }
    }

    /// The pods of a workload whose revisions do not tell of them.
    async fn pods(&self, object: &Object) -> Result<Vec<Pod>, Error> {
        let mut pods = Vec::new();
        if !matches!(object.kind, Kind::StatefulSet | Kind::DaemonSet) {
            return Ok(pods);
        }
        let client = self.reader.client().clone();
        let api: Api<KubePod> = Api::namespaced(client, object.namespace());
        let params = ListParams::default().labels(&objects::pod_selector(object));
        let take = |pod: KubePod| {
            let mut pod = observe::read_pod(&pod);
            let revision = pod.revision().cloned();
            pod.labels.retain(|_, text| Some(&*text) == revision.as_ref());
            pods.push(pod);
        };
        let wanted = (Part::Whole, params);
        self.reader.list("list the pods", api.resource_url(), wanted, take).await?;
        Ok(pods)
    }

    /// Deletes a policy that we created.
    async fn bury(&self, sighting: &Sighting) -> Result<After, Problem> {
        let policies = objects::api(&self.writes, sighting.kind, Some(&sighting.namespace));
        let exact = Exact {
            name: sighting.name.clone(),
            uid: sighting.uid.clone(),
            resource_version: sighting.version.clone(),
            grace_seconds: None,
        };
        match perform::delete("delete the policy", policies, &exact).await {
            // It is gone, or has changed since it was listed.
            Err(error) if !matches!(error.code(), Some(404 | 409)) => Err(error.into()),
            _ => Ok(After::Elsewhere),
        }
    }

    async fn send(&self, sighting: &Sighting, call: &Call) -> Outcome {
        perform::one(&self.writes, &sighting.namespace, call, self.manager).await
    }
}

/// A workload without what is not needed to see what a revert left behind, which may be large.
fn workload(object: &Object) -> Object {
    let pick = |of: &str, names: &[&str]| {
        let picked = names.iter().map(|name| ((*name).to_owned(), object.value[of][*name].clone()));
        Value::Object(picked.collect::<Map<_, _>>())
    };
    let value = json!({
        "metadata": pick("metadata", &["name", "namespace", "uid", "generation"]),
        "spec": pick("spec", &["selector"]),
        "status": pick("status", &["observedGeneration", "currentRevision", "updateRevision"]),
    });
    Object { kind: object.kind, value }
}

/// What was not restored, in words.
fn left_alone(refused: &[String]) -> Option<String> {
    let words = || format!("its mark is revoked, but this was left alone: {}", refused.join("; "));
    (!refused.is_empty()).then(|| crop(words(), LONGEST_WORDS))
}

/// What a call that did not succeed says; one whose object is gone or another by now is as good.
fn accepted(outcome: Outcome) -> Result<(), Problem> {
    match outcome {
        Outcome::Accepted | Outcome::Gone | Outcome::Changed => Ok(()),
        Outcome::Refused(words) | Outcome::Denied(words) => Err(Problem::refused(words)),
        Outcome::Unknown(words) => Err(Problem { words, after: After::Unanswered }),
    }
}
