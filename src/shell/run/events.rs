//! Kubernetes events: a courtesy for `kubectl describe`, on the run, on its target and on what was broken.
//!
//! Each turn of a run is an event of its own on each object. Its name is made of what it says, so that a
//! second operator, or the next one, does not write it once more.

use futures::future::join_all;
use k8s_openapi::{
    api::{
        core::v1::{ObjectReference, Service},
        events::v1::Event,
    },
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, Resource,
    api::{ObjectMeta, PostParams},
};

use crate::{
    api::{
        ExperimentRun, Moment,
        run::{ExperimentRunStatus, FactName, Journal},
    },
    core::{hash, span::crop, words::said},
    faults::{self, Harm},
    shell::call::call,
};

const REPORTER: &str = "firedrill.dev/operator";

/// Writes events; a failed one is logged and nothing else.
pub struct Events(Client);

/// What is new, for people who look at one of the objects.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// Whether something is wrong.
    pub warns: bool,
    /// Why it is told, in one word.
    pub reason: String,
    /// What was done.
    pub action: &'static str,
    /// The words.
    pub note: String,
    /// When it happened.
    pub at: Moment,
    /// The objects that it is told of.
    pub about: Vec<ObjectReference>,
}

impl Events {
    /// Writes as `firedrill`.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self(client)
    }

    /// Tells what is new in `run` compared with `before`, as of `now`.
    pub async fn announce(&self, before: Option<&ExperimentRun>, run: &ExperimentRun, now: Moment) {
        let told = news(before, run, now);
        let events = told.iter().flat_map(|news| news.about.iter().map(move |about| (news, about)));
        join_all(events.map(|(news, about)| self.publish(run.uid(), news, about))).await;
    }

    async fn publish(&self, run: &str, news: &News, about: &ObjectReference) {
        let Some(about) = self.identify(about).await else { return };
        let namespace = about.namespace.clone().unwrap_or_default();
        let events: Api<Event> = Api::namespaced(self.0.clone(), &namespace);
        let event = event(run, news, about);
        match call("write an event", events.create(&PostParams::default(), &event)).await {
            Err(error) if error.code() != Some(409) => {
                tracing::warn!(%error, reason = news.reason, "an event could not be written");
            }
            _ => {}
        }
    }

    /// With the UID by which `kubectl describe` finds an object's events; the journal lacks that of a Service
    /// to which a policy blocks the way. None where that is gone.
    async fn identify(&self, about: &ObjectReference) -> Option<ObjectReference> {
        if about.uid.is_some() {
            return Some(about.clone());
        }
        let services: Api<Service> = Api::namespaced(self.0.clone(), about.namespace.as_deref()?);
        let found = call("read the Service", services.get_opt(about.name.as_deref()?)).await;
        let uid = found.ok()??.metadata.uid;
        Some(ObjectReference { uid, ..about.clone() })
    }
}

/// The event that tells the news of `of`, an object's UID, to whoever looks at `about`.
#[must_use]
pub fn event(of: &str, news: &News, about: ObjectReference) -> Event {
    let name = about.name.clone().unwrap_or_default();
    let told = hash::short(&(of, &about.uid, &news.reason, &news.note));
    Event {
        metadata: ObjectMeta {
            // An object's name may be as long as an event's.
            name: Some(format!("{}.{told}", crop(name, 200).trim_end_matches(['.', '-']))),
            namespace: about.namespace.clone(),
            ..ObjectMeta::default()
        },
        type_: Some(if news.warns { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(news.reason.clone()),
        action: Some(news.action.to_owned()),
        note: Some(crop(news.note.clone(), 1000)),
        event_time: Some(MicroTime(news.at.timestamp())),
        reporting_controller: Some(REPORTER.to_owned()),
        reporting_instance: Some(REPORTER.to_owned()),
        regarding: Some(about),
        ..Event::default()
    }
}

fn news(before: Option<&ExperimentRun>, run: &ExperimentRun, now: Moment) -> Vec<News> {
    let Some(status) = &run.status else { return Vec::new() };
    let earlier = before.and_then(|before| before.status.as_ref());
    let is_over = status.new_fact(earlier, FactName::Completed).is_some();
    // Of an unannounced step nobody is told before it is over, and everything then.
    let is_new = |name| {
        if run.spec.unannounced {
            status.fact(name).filter(|_| is_over)
        } else {
            status.new_fact(earlier, name)
        }
    };
    let name = run.metadata.name.as_deref().unwrap_or_default();
    let broken = || broken(run, status.journal.as_deref());
    let injected = is_new(FactName::Injected).map(|fact| News {
        warns: true,
        reason: "FaultInjected".to_owned(),
        action: "Inject",
        note: format!("run {name}: {} ({})", what(status), said(fact)),
        at: fact.at,
        about: broken(),
    });
    // Where nothing was injected, what somebody sees broken was not broken by this run.
    let reverted = is_new(FactName::Reverted).filter(|_| status.fact(FactName::Injected).is_some());
    let reverted = reverted.map(|fact| News {
        warns: false,
        reason: "FaultReverted".to_owned(),
        action: "Revert",
        note: format!("run {name}: {} is over ({})", what(status), cause(status)),
        at: fact.at,
        about: broken(),
    });
    let problem = status.revert_problem.as_ref();
    let problem =
        problem.filter(|_| earlier.is_none_or(|earlier| earlier.revert_problem.is_none()));
    let problem = problem.map(|words| News {
        warns: true,
        reason: "RevertFails".to_owned(),
        action: "Revert",
        note: format!("run {name}: {words}"),
        at: now,
        about: broken().into_iter().chain([run.object_ref(&())]).collect(),
    });
    let ended = is_new(FactName::Completed).zip(status.verdict).map(|(fact, verdict)| News {
        warns: !verdict.is_passed(),
        reason: verdict.to_string(),
        action: "Measure",
        note: status.summary.clone().unwrap_or_default(),
        at: fact.at,
        about: vec![run.object_ref(&())],
    });
    [injected, problem, reverted, ended].into_iter().flatten().collect()
}

/// The fault's key and what it breaks, such as `selector of Service checkout`.
fn what(status: &ExperimentRunStatus) -> String {
    let fault = status.journal.as_ref().and_then(|plan| Some(plan.spec.as_ref()?.fault.name()));
    let broken = status.fact(FactName::Journaled).map(said);
    let parts: Vec<_> = fault.map(str::to_owned).into_iter().chain(broken).collect();
    parts.join(", ")
}

/// Why it was reverted.
fn cause(status: &ExperimentRunStatus) -> String {
    status.fact(FactName::RevertStarted).map(said).unwrap_or_default()
}

/// The target, and beside it the dependency that was broken.
fn broken(run: &ExperimentRun, journal: Option<&Journal>) -> Vec<ObjectReference> {
    let Some(journal) = journal else { return Vec::new() };
    let target = journal.target.as_ref();
    let target = target.map(|target| reference(run, &target.kind, &target.name, Some(&target.uid)));
    let harm = journal.spec.as_ref().map(|spec| faults::behaviour(&spec.fault).harm);
    let dependency = match harm {
        Some(Harm::Dependency { name, kind: Some(kind) }) => {
            Some(dependency(run, journal, &kind.to_string(), name))
        }
        _ => None,
    };
    target.into_iter().chain(dependency).collect()
}

/// With its UID where it is what was changed.
fn dependency(run: &ExperimentRun, journal: &Journal, kind: &str, name: &str) -> ObjectReference {
    let changed = journal.victims.iter().find(|victim| victim.kind == kind && victim.name == name);
    reference(run, kind, name, changed.map(|victim| victim.uid.as_str()))
}

fn reference(run: &ExperimentRun, kind: &str, name: &str, uid: Option<&str>) -> ObjectReference {
    let version = if kind == "Service" { "v1" } else { "apps/v1" };
    ObjectReference {
        api_version: Some(version.to_owned()),
        kind: Some(kind.to_owned()),
        name: Some(name.to_owned()),
        namespace: run.metadata.namespace.clone(),
        uid: uid.map(str::to_owned),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{api::run::Verdict, core::signals::pods::tests::at};

    /// A run called `name` with this fault, which broke `victim` for the Deployment `web`.
    fn run(name: &str, fault: &Value, victim: &Value, facts: &[(&str, &str)]) -> ExperimentRun {
        let at = "2026-11-23T10:00:00.000001Z";
        let fact = |&(name, detail): &(&str, &str)| {
            let mut fact =
                json!({"name": name, "at": at, "notBefore": at, "source": "api", "detail": detail});
            if name == "revertStarted" {
                fact["reason"] = json!("Duration");
            }
            fact
        };
        let spec = json!({"hypothesis": "x", "owner": "x", "target": {"deployment": "web"}, "fault": fault,
            "duration": "1m", "steadyState": [{"name": "w", "workload": {}}], "detection": {"alerts": []}});
        serde_json::from_value(json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
            "metadata": {"name": name, "namespace": "shop", "uid": format!("uid of {name}")},
            "spec": {"experiment": "x"},
            "status": {
                "plan": {"spec": spec, "target": {"kind": "Deployment", "name": "web", "uid": "w"}, "victims": [victim]},
                "facts": facts.iter().map(fact).collect::<Vec<_>>(),
            },
        }))
        .unwrap()
    }

    fn victim(kind: &str, name: &str) -> Value {
        json!({"kind": kind, "name": name, "uid": name, "resourceVersion": "1", "round": 1})
    }

    /// Each event as `reason of object: note`.
    fn told(before: Option<&ExperimentRun>, run: &ExperimentRun) -> Vec<String> {
        let told = news(before, run, at(0.0));
        let each = told.iter().flat_map(|news| {
            news.about.iter().map(move |about| {
                let (kind, name) = (about.kind.clone().unwrap(), about.name.clone().unwrap());
                format!("{} of {kind} {name}: {}", news.reason, news.note)
            })
        });
        each.collect()
    }

    const BEGINNING: [(&str, &str); 2] = [
        ("journaled", "selector of Service pay"),
        ("injected", "1 of 1 × patch of a Service's selector accepted"),
    ];
    const END: [(&str, &str); 2] = [("revertStarted", ""), ("reverted", "read back")];

    #[test]
    fn target_and_dependency_are_told_what_was_done_by_which_run_and_when_it_was_over() {
        let blackhole = json!({"dependencyOutage": {"blackhole": {"service": "pay"}}});
        let injected = run("a-1", &blackhole, &victim("Service", "pay"), &BEGINNING);
        let what = "run a-1: dependencyOutage, selector of Service pay";
        let says = format!("{what} (1 of 1 × patch of a Service's selector accepted)");
        assert_eq!(
            told(None, &injected),
            [
                format!("FaultInjected of Deployment web: {says}"),
                format!("FaultInjected of Service pay: {says}"),
            ]
        );
        let facts = [BEGINNING, END].concat();
        let reverted = run("a-1", &blackhole, &victim("Service", "pay"), &facts);
        assert_eq!(
            told(Some(&injected), &reverted),
            [
                format!("FaultReverted of Deployment web: {what} is over (Duration)"),
                format!("FaultReverted of Service pay: {what} is over (Duration)"),
            ]
        );
        let nothing = run("a-1", &blackhole, &victim("Service", "pay"), &END);
        assert!(told(None, &nothing).is_empty(), "another run's fault may be what is seen");
    }

    #[test]
    fn of_an_unannounced_step_everything_is_told_once_it_is_over_and_nothing_before() {
        let kill = json!({"podKill": {"count": 1}});
        let unannounced = |facts: &[(&str, &str)]| {
            let mut run = run("a-1", &kill, &victim("Pod", "web-1"), facts);
            run.spec.unannounced = true;
            run
        };
        let injected = unannounced(&BEGINNING);
        let reverted = unannounced(&[BEGINNING, END].concat());
        assert!(told(None, &injected).is_empty() && told(Some(&injected), &reverted).is_empty());
        let facts = [BEGINNING.as_slice(), &END, &[("completed", "")]].concat();
        let mut over = unannounced(&facts);
        over.status.as_mut().unwrap().verdict = Some(Verdict::Passed);
        let told = told(Some(&reverted), &over);
        let reasons: Vec<_> = told.iter().map(|told| told.split(' ').next().unwrap()).collect();
        assert_eq!(reasons, ["FaultInjected", "FaultReverted", "Passed"]);
    }

    #[test]
    fn the_dependency_is_what_people_know_of_it() {
        let egress = json!({"dependencyOutage": {"egress": {"service": "pay"}, "observe": {"name": "o", "tcp": {"service": "web", "port": 1}}}});
        let range = json!({"dependencyOutage": {"egress": {"cidr": "203.0.113.0/24"}, "observe": {"name": "o", "tcp": {"service": "web", "port": 1}}}});
        let zero = json!({"dependencyOutage": {"scaleToZero": {"statefulSet": "db"}}});
        let rollout = json!({"badRollout": {"image": "firedrill.invalid/none"}});
        let policy = victim("NetworkPolicy", "firedrill-deployment-web");
        for (fault, victim, known) in [
            (&egress, &policy, vec!["Deployment web", "Service pay"]),
            (&range, &policy, vec!["Deployment web"]),
            (&zero, &victim("StatefulSet", "db"), vec!["Deployment web", "StatefulSet db"]),
            (&rollout, &victim("Deployment", "web"), vec!["Deployment web"]),
            (&json!({"podKill": {"count": 1}}), &victim("Pod", "web-1"), vec!["Deployment web"]),
        ] {
            let told = told(None, &run("a-1", fault, victim, &BEGINNING));
            let about: Vec<_> = told.iter().map(|told| told.split([':']).next().unwrap()).collect();
            let known: Vec<_> = known.iter().map(|one| format!("FaultInjected of {one}")).collect();
            assert_eq!(about, known, "{fault}");
        }
    }

    #[test]
    fn each_run_has_events_of_its_own_and_each_of_them_once() {
        let kill = json!({"podKill": {"count": 1}});
        let name = |run: &ExperimentRun| {
            let told = news(None, run, at(0.0));
            event(run.uid(), &told[0], told[0].about[0].clone()).metadata.name.unwrap()
        };
        let one = run("a-1", &kill, &victim("Pod", "web-1"), &BEGINNING);
        let other = run("a-2", &kill, &victim("Pod", "web-1"), &BEGINNING);
        assert_eq!(name(&one), name(&one.clone()));
        assert_ne!(name(&one), name(&other));
        assert!(name(&one).starts_with("web."), "{}", name(&one));
    }
}
