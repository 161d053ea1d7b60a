//! Days that are announced ahead of their time, and what nobody is told before it is over.

use firedrill::api::{GameDayRunStatus, conditions, game_day_run::Notice};
use k8s_openapi::api::{core::v1::Namespace, events::v1::Event};
use kube::{
    Api,
    api::{Patch, PatchParams},
};

use super::*;

/// A day that people were told of.
async fn announced(ground: &Ground, name: &str) -> GameDayRun {
    let told =
        |status: &GameDayRunStatus| status.announcements.iter().any(|one| one.delivered.is_some());
    ground
        .becomes("the day is announced", 30, name, |day: &GameDayRun| {
            day.fact(DayFactName::Announced).is_some() && day.status.as_ref().is_some_and(told)
        })
        .await
}

/// The reasons of the events in the namespace, each with what it is about.
async fn events(ground: &Ground) -> Vec<(String, String)> {
    let events = ground.api::<Event>().list(&ListParams::default()).await.unwrap().items;
    let of = |event: Event| Some((event.reason?, event.regarding?.name?));
    events.into_iter().filter_map(of).collect()
}

/// Waits until the plan has looked at a time that is over.
async fn passed(ground: &Ground, at: Moment) {
    let left = std::time::Duration::try_from(at.timestamp().duration_since(jiff::Timestamp::now()));
    tokio::time::sleep(left.unwrap_or_default()).await;
    let look = Patch::Merge(json!({"metadata": {"annotations": {"look": "again"}}}));
    ground.api::<GameDay>().patch("p", &PatchParams::default(), &look).await.unwrap();
    ground
        .becomes("the plan has no time any more", 30, "p", |plan: &GameDay| {
            let conditions = plan.status.iter().flat_map(|status| &status.conditions);
            conditions.clone().any(|condition| condition.reason == "NeverFires")
        })
        .await;
}

async fn cancelled(ground: &Ground, at: Moment) {
    ground
        .becomes("its time is cancelled", 30, "p", |plan: &GameDay| {
            plan.status.as_ref().is_some_and(|status| status.cancelled == Some(at))
        })
        .await;
}

#[tokio::test]
async fn a_day_that_is_aborted_before_its_time_does_not_come() {
    let ground = scheduled("ahead", &Web::default()).await;
    let at = soon(12);
    plan(&ground, json!({"startAt": at})).await;
    let name = game_day_run::name("p", at);
    let day = announced(&ground, &name).await;
    assert!(jiff::Timestamp::now() < at.timestamp(), "it is announced ahead of its time");
    assert_eq!(day.status.unwrap().stage.as_deref(), Some("Announced"));
    assert!(events(&ground).await.contains(&("GameDayBefore".to_owned(), name.clone())));
    let plan = ground.api::<GameDay>().get("p").await.unwrap().status.unwrap();
    assert_eq!((plan.next, plan.last_fire), (Some(at), None));
    let (code, said) = firedrill(&ground, &["gameday", "abort", &name, "--reason", "a sale"]);
    assert_eq!(code, Some(0), "{said}");
    let day = over(&ground, &name).await;
    assert_eq!(outcome(&day), (Some(Outcome::Halted), Some(DayReason::Stopped)));
    let last = day.status.unwrap().announcements.last().unwrap().clone();
    assert_eq!((last.what, last.delivered.is_some()), (Notice::Cancelled, true));
    cancelled(&ground, at).await;
    let plan = ground.api::<GameDay>().get("p").await.unwrap().status.unwrap();
    let ready = conditions::get(&plan.conditions, "Ready").unwrap().reason.clone();
    assert_eq!((plan.next, ready.as_str()), (None, "Cancelled"));
    passed(&ground, at).await;
    let days = ground.api::<GameDayRun>().list(&ListParams::default()).await.unwrap().items;
    assert_eq!(days.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), [name]);
    assert!(days[0].fact(DayFactName::Gating).is_none() && runs(&ground).await.is_empty());
}

#[tokio::test]
async fn a_day_that_is_deleted_before_its_time_goes_at_once_and_is_not_born_again() {
    let ground = scheduled("ahead-gone", &Web::default()).await;
    let at = soon(12);
    plan(&ground, json!({"startAt": at})).await;
    let name = game_day_run::name("p", at);
    announced(&ground, &name).await;
    ground.api::<GameDayRun>().delete(&name, &DeleteParams::default()).await.unwrap();
    let began = std::time::Instant::now();
    eventually("the day is gone", 30, async || {
        ground.api::<GameDayRun>().get_opt(&name).await.unwrap().is_none().then_some(())
    })
    .await;
    println!(
        "gone after {:.1?}, {} before its time",
        began.elapsed(),
        at.timestamp() - jiff::Timestamp::now()
    );
    cancelled(&ground, at).await;
    assert!(events(&ground).await.contains(&("GameDayCancelled".to_owned(), name)));
    passed(&ground, at).await;
    assert!(
        ground.api::<GameDayRun>().list(&ListParams::default()).await.unwrap().items.is_empty()
    );
    let plan = ground.api::<GameDay>().get("p").await.unwrap().status.unwrap();
    assert_eq!((plan.last_fire, plan.missed), (None, None));
}

#[tokio::test]
async fn a_day_whose_time_its_plan_has_no_more_is_cancelled_and_the_new_time_is_announced() {
    let ground = scheduled("ahead-moved", &Web::default()).await;
    let (at, later) = (soon(3600), soon(7200));
    plan(&ground, json!({"startAt": at})).await;
    let name = game_day_run::name("p", at);
    announced(&ground, &name).await;
    let moved = Patch::Merge(json!({"spec": {"startAt": later}}));
    ground.api::<GameDay>().patch("p", &PatchParams::default(), &moved).await.unwrap();
    let day = over(&ground, &name).await;
    assert_eq!(outcome(&day), (Some(Outcome::Halted), Some(DayReason::Plan)));
    let summary = day.status.unwrap().summary.unwrap();
    assert!(summary.contains("is no time of GameDay p any more"), "{summary}");
    announced(&ground, &game_day_run::name("p", later)).await;
}

#[tokio::test]
async fn of_an_unannounced_step_nobody_is_told_before_it_is_over() {
    let ground = scheduled("secret", &Web { warm_up: 15, ..Web::default() }).await;
    // The second step leaves no room to wait in, and is not wanted.
    let steps = json!([
        {"name": "one", "experiment": "kill", "unannounced": true},
        {"name": "two", "experiment": "kill", "gap": "9m", "when": "Missed"},
    ]);
    distant(&ground, json!({"endBy": "10m", "steps": steps})).await;
    by_hand(&ground, "quiet").await;
    ground
        .becomes("it breaks something", 60, "quiet-one", |run: &ExperimentRun| {
            run.status.as_ref().is_some_and(|status| status.fact(FactName::ImpactStarted).is_some())
        })
        .await;
    let told =
        |reason: &str, events: &[(String, String)]| events.iter().any(|(known, _)| known == reason);
    let before = events(&ground).await;
    assert!(told("GameDayGo", &before), "{before:?}");
    for reason in ["FaultInjected", "GameDayInjection"] {
        assert!(!told(reason, &before), "{before:?}");
    }
    let run = ground.api::<ExperimentRun>().get("quiet-one").await.unwrap();
    assert!(!run.is_complete(), "it was not over when the events were read");
    let day = over(&ground, "quiet").await;
    assert_eq!(
        outcome(&day),
        (Some(Outcome::Done), Some(DayReason::StepsOver)),
        "{:?}",
        day.status
    );
    eventually("everything is told", 20, async || {
        let after = events(&ground).await;
        ["FaultInjected", "GameDayInjection", "GameDayEnd"]
            .iter()
            .all(|one| told(one, &after))
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_became_of_a_day_that_its_namespace_takes_along_is_told_on_the_namespace() {
    let ground = scheduled("dying", &Web { warm_up: 20, ..Web::default() }).await;
    distant(&ground, json!({})).await;
    by_hand(&ground, "lost").await;
    ground.becomes("a step runs", 60, "lost-one", ExperimentRun::is_taken_up).await;
    let namespaces: Api<Namespace> = Api::all(ground.client.clone());
    namespaces.delete(&ground.namespace, &DeleteParams::default()).await.unwrap();
    let events: Api<Event> = Api::namespaced(ground.client.clone(), "default");
    let note = eventually("the namespace has its event", 60, async || {
        let all = events.list(&ListParams::default()).await.ok()?.items;
        let about = |event: &Event| {
            let about = event.regarding.as_ref()?;
            (about.kind.as_deref() == Some("Namespace")
                && event.reason.as_deref() == Some("GameDayEnd")
                && about.name.as_ref() == Some(&ground.namespace))
            .then(|| event.note.clone().unwrap_or_default())
        };
        all.iter().find_map(about)
    })
    .await;
    assert!(note.contains("Game day lost of plan p") && note.contains("Halted"), "{note}");
    eventually("the namespace is gone", 90, async || {
        namespaces.get_opt(&ground.namespace).await.unwrap().is_none().then_some(())
    })
    .await;
}
