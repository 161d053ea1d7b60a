//! Who may approve a game day: people with that right, by their own name, for exactly what would run.

use firedrill::{
    api::{
        Experiment, ExperimentRun, GameDay, GameDayRun, GameDayRunSpec,
        game_day_run::{Approval, DayReason, Gate, Outcome},
        names,
    },
    cli::grants::Grants,
};
use http::Method;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{Answer, Tally, acting, bind, granted, identity::Identity, resource, user};
use crate::support::{Ground, Operator, Web, eventually};

const FIRST: &str = "1111111111111111";
const SECOND: &str = "2222222222222222";

/// A person with these roles in the ground.
async fn person(ground: &Ground, name: &str, roles: &[&str]) -> Identity {
    let person = Identity::person(name).await;
    for role in roles {
        bind(ground, name, role, &user(name)).await;
    }
    for (role, verb, resource) in [
        ("edit", "patch", "gamedayruns"),
        ("firedrill-run", "create", "gamedayruns"),
        ("firedrill-approve", "approve", "gamedayruns"),
    ] {
        if roles.contains(&role) {
            granted(&person, ground, verb, resource).await;
        }
    }
    person
}

/// A plan that nobody waits for, of one step, which needs so many approvals.
async fn plan(ground: &Ground, approvals: i32) {
    let spec = json!({
        "startAt": "2999-01-01T10:00:00Z", "goNoGo": {"approvals": approvals, "steadyFor": "10s", "noFiring": [], "alertsExist": false},
        "steps": [{"name": "one", "experiment": "kill"}],
    });
    let plan = GameDay::new("p", serde_json::from_value(spec).unwrap());
    ground.api::<GameDay>().create(&PostParams::default(), &plan).await.unwrap();
    let experiment =
        Experiment::new("kill", serde_json::from_value(crate::support::spec()).unwrap());
    ground.api::<Experiment>().create(&PostParams::default(), &experiment).await.unwrap();
}

fn approval(by: &str, hash: &str) -> Value {
    json!({"by": by, "planHash": hash})
}

/// A day of a person's own, and who asks for its approvals to be these.
struct Day {
    path: String,
}

impl Day {
    async fn set(&self, who: &Identity, approvals: &[Value]) -> Answer {
        self.write(who, &json!({"spec": {"approvals": approvals}})).await
    }

    async fn write(&self, who: &Identity, patch: &Value) -> Answer {
        who.ask(Method::PATCH, &self.path, "merge-patch+json", patch).await
    }
}

#[tokio::test]
async fn an_approval_is_given_by_ones_own_name_with_the_right_to_and_is_never_taken_away() {
    let ground = Ground::with("approvals", &Web::default()).await;
    let namespace = ground.namespace.clone();
    Grants::scheduled(&namespace, names::OPERATOR_NAMESPACE).apply(&ground.client).await.unwrap();
    // An operator of another test may look at the day, which then waits.
    plan(&ground, 3).await;
    let ann = person(&ground, "ann", &["edit", "firedrill-run", "firedrill-approve"]).await;
    let bob = person(&ground, "bob", &["firedrill-approve"]).await;
    let eve = person(&ground, "eve", &["edit"]).await;
    // Somebody has given the right to the starter, which gives nothing all the same.
    let starter =
        json!([{"kind": "ServiceAccount", "name": names::STARTER, "namespace": namespace}]);
    bind(&ground, "starter", "firedrill-approve", &starter).await;
    bind(&ground, "starter", "edit", &starter).await;
    let acting = acting(&eve, &ground, names::STARTER);
    granted(&acting, &ground, "approve", "gamedayruns").await;
    let operator = Identity::own(names::OPERATOR).await;
    let days = format!("apis/firedrill.dev/v1alpha1/namespaces/{namespace}/gamedayruns");
    let mut tally = Tally::default();
    let mut refused = |what: &str, words: &str, answer: Answer| {
        let holds = matches!(answer.code, 403 | 422) && answer.words.contains(words);
        tally.expect(holds, || format!("{what}: {answer:?}"));
    };

    let born = json!({"gameDay": "p", "startedBy": "ann", "approvals": [approval("ann", FIRST)]});
    let answer = ann.create(&days, &resource("GameDayRun", "d", born)).await;
    refused("a day that is approved at its birth", "a day begins without any", answer);
    let own = json!({"gameDay": "p", "startedBy": "ann"});
    let answer = ann.create(&days, &resource("GameDayRun", "d", own)).await;
    assert!(answer.is_done(), "{answer:?}");
    let day = Day { path: format!("{days}/d") };

    let (bobs, eves) = (approval("bob", FIRST), approval("eve", FIRST));
    let may_not = "spec.approvals: eve may not approve gamedayruns in namespace";
    refused("no right", may_not, day.set(&eve, std::slice::from_ref(&eves)).await);
    let says = "spec.approvals[].by: says eve, and this is bob";
    refused("as another", says, day.set(&bob, std::slice::from_ref(&eves)).await);
    refused("beside another", says, day.set(&bob, &[bobs.clone(), eves.clone()]).await);
    let anns = [approval("ann", FIRST)];
    refused("as who started it", "ann started this day", day.set(&ann, &anns).await);
    let account = "is an account as which others act";
    let user = names::account_user(&namespace, names::STARTER);
    refused("as the starter", account, day.set(&acting, &[approval(&user, FIRST)]).await);
    let user = names::account_user(names::OPERATOR_NAMESPACE, names::OPERATOR);
    refused("as the operator", account, day.set(&operator, &[approval(&user, FIRST)]).await);
    let short = [approval("bob", "short")];
    refused("no hash", "spec.approvals[0].planHash", day.set(&bob, &short).await);

    let answer = day.set(&bob, std::slice::from_ref(&bobs)).await;
    assert!(answer.is_done(), "bob approves: {answer:?}");
    let fixed = "approvals are added and never changed or removed";
    let again = [bobs.clone(), bobs.clone()];
    refused("twice", "Duplicate value", day.set(&bob, &again).await);
    for (who, name) in [(&eve, "an editor"), (&bob, "whose it is"), (&ann, "who started it")] {
        refused(&format!("a removal by {name}"), fixed, day.set(who, &[]).await);
        let none = json!({"spec": {"approvals": null}});
        refused(&format!("the same by {name}"), fixed, day.write(who, &none).await);
    }
    refused("another version of it", fixed, day.set(&bob, &[approval("bob", SECOND)]).await);
    refused("another name in it", fixed, day.set(&eve, &[eves]).await);
    let forged = json!({"status": {"facts": [{"name": "go", "at": "2026-01-01T00:00:00Z"}]}});
    let status = format!("{}/status", day.path);
    for (who, name) in [(&eve, "an editor"), (&bob, "an approver")] {
        let answer = who.ask(Method::PATCH, &status, "merge-patch+json", &forged).await;
        refused(&format!("a status forged by {name}"), "cannot patch resource", answer);
    }
    tally.conclude("ways to an approval without the right");

    let answer = day.set(&bob, &[bobs, approval("bob", SECOND)]).await;
    assert!(answer.is_done(), "bob approves a later version too: {answer:?}");
    let stop = json!({"spec": {"stop": true, "stopReason": "x", "improvements": ["ask sooner"]}});
    let answer = day.write(&eve, &stop).await;
    assert!(answer.is_done(), "an editor stops and notes: {answer:?}");
    let found = ground.api::<GameDayRun>().get("d").await.unwrap();
    let given = |hash: &str| Approval { by: "bob".to_owned(), plan_hash: hash.to_owned() };
    assert_eq!(found.spec.approvals, [given(FIRST), given(SECOND)]);
    assert!(!found.has_begun(), "{:?}", found.status);
}

/// Waits until the gate `Approval` of that day says so.
async fn said(ground: &Ground, day: &str, words: &str) -> String {
    let says = |day: &GameDayRun| {
        let gates = day.status.iter().flat_map(|status| &status.gates);
        let mut own = gates.filter(|gate| gate.name == Gate::Approval);
        own.next().map(|gate| gate.detail.clone()).filter(|detail| detail.contains(words))
    };
    let found = ground
        .becomes(&format!("it says {words:?}"), 30, day, |day: &GameDayRun| says(day).is_some())
        .await;
    says(&found).unwrap()
}

async fn change(ground: &Ground, spec: Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    ground.api::<GameDay>().patch("p", &PatchParams::default(), &patch).await.unwrap();
}

async fn over(ground: &Ground, day: &str) -> GameDayRun {
    ground.becomes("the day is over", 120, day, |day: &GameDayRun| day.is_over()).await
}

#[tokio::test]
async fn a_day_begins_once_enough_people_have_approved_what_would_run_now() {
    let _operator = Operator::start("{}");
    let ground = Ground::with("approved", &Web::default()).await;
    let namespace = ground.namespace.as_str();
    Grants::scheduled(namespace, names::OPERATOR_NAMESPACE).apply(&ground.client).await.unwrap();
    plan(&ground, 2).await;
    let ann = person(&ground, "ann2", &["edit", "firedrill-run", "firedrill-approve"]).await;
    let bob = person(&ground, "bob2", &["firedrill-approve"]).await;
    let joe = person(&ground, "joe2", &["firedrill-approve"]).await;
    let eve = person(&ground, "eve2", &["edit"]).await;
    let (code, name) = ann.firedrill(&["-n", namespace, "gameday", "start", "p", "--yes"]);
    assert_eq!(code, Some(0), "{name}");
    let name = name.trim();
    let approve =
        |who: &Identity| who.firedrill(&["-n", namespace, "gameday", "approve", name, "--yes"]);
    said(&ground, name, "0 of 2 approvals for plan ").await;

    let (code, told) = ann.firedrill(&["-n", namespace, "gameday", "approve", name, "--yes"]);
    assert!(code == Some(2) && told.contains("somebody else must approve it"), "{told}");
    let (code, told) = approve(&eve);
    let remedy = "the role firedrill-approve has that right: kubectl -n";
    assert!(code == Some(4) && told.contains(remedy), "{told}");
    let (code, told) = bob.firedrill(&["-n", namespace, "gameday", "approve", name]);
    assert!(code == Some(2) && told.contains("repeat with --yes"), "{told}");
    let (code, told) = approve(&bob);
    let (_, hash) = told.rsplit_once("approved by you for plan ").expect(&told);
    let before = &hash[..16];
    assert!(code == Some(0) && told.contains("podKill of deployment/web (evict pod)"), "{told}");
    said(&ground, name, &format!("1 of 2 approvals for plan {before}")).await;
    let (code, told) = approve(&bob);
    assert!(code == Some(0) && told.contains("have approved this already"), "{told}");

    change(&ground, json!({"notes": "at noon"})).await;
    let after = said(&ground, name, "; 1 approval for another version").await;
    assert!(after.starts_with("0 of 2 approvals for plan ") && !after.contains(before), "{after}");
    // Whoever approves what was there before approves nothing that would run.
    let stale = json!({"spec": {"approvals": [
        {"by": "bob2", "planHash": before}, {"by": "joe2", "planHash": before},
    ]}});
    let path = format!("apis/firedrill.dev/v1alpha1/namespaces/{namespace}/gamedayruns/{name}");
    let answer = joe.ask(Method::PATCH, &path, "merge-patch+json", &stale).await;
    assert!(answer.is_done(), "{answer:?}");
    said(&ground, name, "; 2 approvals for another version").await;
    let runs = ground.api::<ExperimentRun>().list(&ListParams::default()).await.unwrap();
    assert!(runs.iter().all(|run| run.spec.dry_run), "nothing but its rehearsal was created");

    for who in [&bob, &joe] {
        let (code, told) = approve(who);
        assert_eq!(code, Some(0), "{told}");
    }
    let day = over(&ground, name).await;
    let status = day.status.as_ref().unwrap();
    assert_eq!(status.outcome, Some(Outcome::Done), "{status:?}");
    let hash = &status.plan.as_ref().unwrap().hash;
    let gate = status.gates.iter().find(|gate| gate.name == Gate::Approval).unwrap();
    assert_eq!(gate.detail, format!("2 of 2 approvals for plan {hash}, by bob2, joe2"));
    let (code, told) = approve(&bob);
    assert!(code == Some(2) && told.contains("is over, so nothing is left to approve"), "{told}");
    let mut all: Vec<Value> = day.spec.approvals.iter().map(|one| json!(one)).collect();
    all.push(approval("bob2", FIRST));
    let answer = Day { path }.set(&bob, &all).await;
    assert!(answer.is_refusal("this day has begun or is over"), "{answer:?}");
    let (_, report) = bob.firedrill(&["-n", namespace, "gameday", "report", name]);
    assert!(
        report.contains("the version that ran") && report.contains("another version ran"),
        "{report}"
    );
}

#[tokio::test]
async fn a_binding_that_is_removed_while_a_day_waits_makes_it_a_no_go() {
    let _operator = Operator::start("{}");
    let ground = Ground::with("unbound", &Web::default()).await;
    let namespace = ground.namespace.as_str();
    Grants::scheduled(namespace, names::OPERATOR_NAMESPACE).apply(&ground.client).await.unwrap();
    plan(&ground, 1).await;
    let mut day = GameDayRun::new("waits", GameDayRunSpec::of("p"));
    day.spec.started_by = Some("admin".to_owned());
    let days = ground.api::<GameDayRun>();
    days.create(&PostParams::default(), &day).await.unwrap();
    said(&ground, "waits", "0 of 1 approvals for plan ").await;
    let admin = Identity::own("admin").await;
    let asked = |command: &[&str]| admin.firedrill(&[&["-n", namespace], command].concat()).1;
    let told = asked(&["doctor"]);
    for words in
        ["lets the operator start game days as firedrill-starter", "fires next at 2999-01-01"]
    {
        assert!(told.contains(words), "{words:?} is not in\n{told}");
    }
    let told = asked(&["gameday", "next", "p"]);
    assert!(told.contains("2999-01-01 10:00 UTC"), "{told}");
    let bindings = ground.api::<RoleBinding>();
    bindings.delete(names::STARTER, &DeleteParams::default()).await.unwrap();
    let told = asked(&["doctor"]);
    let missing = format!("firedrill-starter may not create experimentruns in {namespace};");
    assert!(told.contains(&missing), "{told}");
    let day = over(&ground, "waits").await;
    let status = day.status.clone().unwrap();
    assert_eq!((status.outcome, status.reason), (Some(Outcome::NoGo), Some(DayReason::Starter)));
    let summary = status.summary.unwrap();
    assert!(summary.contains(&format!("firedrill enable {namespace} --scheduled")), "{summary}");
    // The rehearsal that was under way lets go of itself.
    eventually("nothing is left of its rehearsal", 30, async || {
        let runs = ground.api::<ExperimentRun>().list(&ListParams::default()).await.unwrap();
        runs.items.is_empty().then_some(())
    })
    .await;
}
