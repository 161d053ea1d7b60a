//! What people do about a debrief, one command each, against an API server that refuses old versions.

use clap::Parser;
use firedrill::{
    api::Debrief,
    cli::{
        debrief::{Verb, verification},
        exit::{Exit, Failure},
    },
};
use serde_json::{Value, json};

use super::{
    runs::{moment, never_noticed, opened, slow_alert, with},
    versions::{Meddling, Server},
};

const NOW: &str = "2026-11-26T12:00:00Z";

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// Takes a step; what stands between bars behind `=` is one argument.
async fn take(server: &Server, args: &str) -> Result<String, Failure> {
    let words = args.split('|').flat_map(|part| match part.strip_prefix('=') {
        Some(whole) => vec![whole],
        None => part.split_whitespace().collect(),
    });
    let cli = Cli::try_parse_from(["debrief"].into_iter().chain(words)).unwrap();
    let Verb::Step(step) = cli.verb else { panic!("{args} is no step") };
    step.take(&server.cluster(), moment(NOW)).await
}

fn miss() -> Debrief {
    let mut debrief = opened(&slow_alert()).unwrap();
    debrief.metadata.name = Some("d".to_owned());
    debrief
}

fn not_back() -> Debrief {
    let mut debrief = opened(&never_noticed()).unwrap();
    debrief.metadata.name = Some("d".to_owned());
    debrief
}

async fn refused(server: &Server, args: &str, why: &str) {
    let before = server.spec();
    let failure = take(server, args).await.expect_err(args);
    assert_eq!(failure.exit, Exit::Invalid, "{args}");
    assert!(failure.to_string().contains(why), "{args}: {failure}");
    assert_eq!(server.spec(), before, "{args}");
}

#[tokio::test]
async fn each_step_is_written_and_says_what_is_next() {
    let server = Server::with(&miss());
    for (args, said) in [
        (
            "held d --at |=2026-11-25 13:00| --facilitator |=platform facilitator",
            "debrief d: the meeting was held Wed 25 Nov 13:00 (UTC). Next: it still lacks impact: what it meant for \
             people, or none: true; actionItems: none of them turns Detection to Yes (turnsYes)",
        ),
        ("impact d --none", "debrief d: nobody noticed anything. Next: it still lacks actionItems"),
        (
            "impact d --customers 41208 --cost 6900EUR",
            "what it meant for people is written: 41208 customers, 6900 EUR. Next",
        ),
        (
            "impact d --complaints 1 --narrative |=Nobody could pay",
            "a narrative, 41208 customers, 1 complaint, 6900 EUR",
        ),
        (
            "item add d --title |=Shorten the wait| --turns-yes detection,Recovery --type detect --horizon immediate --owner checkout --due +10d --ticket SHOP-1",
            "debrief d: item a1 is added for checkout. Next: do a1, then firedrill debrief item done d a1 -n shop",
        ),
        (
            "item add d --title |=Replace the rule| --type Detect --horizon Short --owner checkout --steps",
            "item a2 is added",
        ),
        (
            "item step d a2 add",
            "debrief d: item a2: the new stands beside the old. Next: do a1, a2",
        ),
        ("item step d a2 verify", "the new was shown to work"),
        ("item step d a2 subtract", "the old is gone"),
        ("item done d a2", "item a2 is done. Next: do a1, then"),
        ("item done d a1", "item a1 is done. Next: prove it: firedrill debrief verify d -n shop"),
        ("item drop d a2 --reason |=not needed once a1 holds", "item a2 is dropped"),
        (
            "schedule d",
            "the operator runs its experiment in working hours, once everything is done and until all is proven; but \
             nothing may be started in namespace shop without somebody yet, which who may start runs can grant: firedrill \
             enable shop --scheduled. Next: the operator says when it runs it: firedrill debrief show d -n shop",
        ),
        (
            "schedule d --off",
            "debrief d: the operator does not run its experiment any more. Next: prove it: firedrill debrief verify d",
        ),
        (
            "checkpoint d --at -2h --notes |=all is well",
            "a checkpoint was held Thu 26 Nov 10:00 (UTC)",
        ),
        (
            "amend d --text |=The probe was restarted",
            "what is so is written beside what was measured",
        ),
        (
            "accept d --review-in 30d --reason |=nothing is sold in January",
            "the risk is accepted until Sat 26 Dec 12:00 (UTC). Next: the review Sat 26 Dec 12:00",
        ),
        (
            "dismiss d --reason |=it was a test of the test",
            "debrief d: it is dismissed. Next: nothing; it is over",
        ),
    ] {
        let told = take(&server, args).await.unwrap_or_else(|failure| panic!("{args}: {failure}"));
        assert!(told.contains(said), "{args}: {told}");
        assert!(!told.contains('\n'), "{told}");
    }
    let spec = server.spec();
    assert_eq!(
        spec["meeting"],
        json!({"heldAt": "2026-11-25T13:00:00.000000Z", "facilitator": "platform facilitator"})
    );
    assert_eq!(
        spec["impact"],
        json!({"none": false, "narrative": "Nobody could pay", "customersAffected": 41208,
        "complaints": 1, "estimatedCost": {"amount": 6900, "currency": "EUR"}})
    );
    assert_eq!(
        spec["actionItems"][0],
        json!({"id": "a1", "title": "Shorten the wait", "turnsYes": ["Detection", "Recovery"],
        "type": "Detect", "horizon": "Immediate", "ownerTeam": "checkout", "dueAt": "2026-12-06T12:00:00.000000Z",
        "state": "Done", "ticket": "SHOP-1"})
    );
    assert_eq!(
        spec["actionItems"][1]["steps"],
        json!({"add": true, "verify": true, "subtract": true})
    );
    assert_eq!(spec["actionItems"][1]["dropReason"], "not needed once a1 holds");
    assert_eq!(
        spec["checkpoints"],
        json!([{"heldAt": "2026-11-26T10:00:00.000000Z", "notes": "all is well"}])
    );
    assert_eq!(spec["amendments"][0]["at"], "2026-11-26T12:00:00.000000Z");
    assert_eq!(spec["acceptedRisk"]["reviewAt"], "2026-12-26T12:00:00.000000Z");
    serde_json::from_value::<firedrill::api::DebriefSpec>(spec).unwrap();
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_flag_and_what_is_allowed() {
    let server = Server::with(&miss());
    for (args, why) in [
        ("held d --at +1h", "--at: Thu 26 Nov 13:00 (UTC) is still to come"),
        ("held d --at |=2026-11-24 09:00", "is before the service was back at Tue 24 Nov 10:41"),
        (
            "held d --at yesterday",
            "--at: \"yesterday\" is no instant; write 2026-12-01 10:00 (in UTC)",
        ),
        ("resolved d", "the run has measured that the service was back"),
        ("impact d", "say what it meant: --narrative"),
        ("item done d a1", "debrief d has no item a1: it has none yet"),
        (
            "item drop d a1 --reason short",
            "--reason: 5 characters say too little; say why in at least 10",
        ),
        (
            "accept d --reason |=nothing is sold in January| --review-in 91d",
            "--review-in: a review is ahead, and at most 90 days",
        ),
        (
            "accept d --reason |=nothing is sold in January| --review-at |=2026-11-01 10:00",
            "--review-at: a review is ahead",
        ),
        (
            "accept d --reason |=nothing is sold in January| --review-in soon",
            "--review-in: \"soon\" is no length of time; write one such as 30d",
        ),
        ("dismiss d --reason |=it was a test", "say why in at least 20"),
    ] {
        refused(&server, args, why).await;
    }
    take(&server, "item add d --title x --type Detect --horizon Short --owner o --steps")
        .await
        .unwrap();
    refused(
        &server,
        "item step d a1 subtract",
        "the steps come in order, and add is not done yet: firedrill debrief item step d a1 add",
    )
    .await;
    refused(&server, "item done d a1", "item a1 is done in steps, and the next one is add").await;
    refused(&server, "item done d a7", "has no item a7: it has a1").await;
    let server = Server::with(&not_back());
    refused(
        &server,
        "resolved d --at |=2026-11-24 10:40",
        "is before it began at Tue 24 Nov 10:40",
    )
    .await;
    let told = take(&server, "resolved d --at -2h").await.unwrap();
    assert!(told.starts_with("debrief d: the service was completely back Thu 26 Nov 10:00 (UTC). Next: it still lacks"), "{told}");
    for words in ["--type Fix", "--horizon soon", "--turns-yes Everything"] {
        let words = words.split(' ');
        let args =
            "debrief item add d --title x --type Detect --horizon Short --owner o".split(' ');
        let error = Cli::try_parse_from(
            args.filter(|arg| *arg != "--type" && *arg != "Detect").chain(words),
        );
        let Err(error) = error else { panic!("taken") };
        assert!(
            error.to_string().contains("not one of")
                || error.to_string().contains("cannot be used multiple"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn one_that_is_over_has_nothing_to_schedule_and_may_always_be_turned_off() {
    let mut over = miss();
    over.spec.schedule_proof = true;
    over.status.as_mut().unwrap().ended_at = Some(moment(NOW));
    let server = Server::with(&over);
    refused(&server, "schedule d", "debrief d is over, so no run proves anything more").await;
    take(&server, "schedule d --off").await.unwrap();
    assert_eq!(server.spec()["scheduleProof"], false);
}

#[tokio::test]
async fn what_somebody_else_writes_meanwhile_is_kept() {
    let server = Server::with(&miss());
    server.meddle(&[
        |debrief| {
            debrief["spec"]["actionItems"] = json!([{"id": "a1", "title": "theirs", "type": "Detect", "horizon": "Short", "ownerTeam": "o"}]);
        },
        |debrief| debrief["status"]["repeats"] = json!(3),
    ]);
    let told = take(&server, "item add d --title ours --type Detect --horizon Short --owner o")
        .await
        .unwrap();
    assert!(told.contains("item a2 is added"), "{told}");
    let titles: Vec<_> = server.spec()["actionItems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["title"].clone())
        .collect();
    assert_eq!(titles, ["theirs", "ours"]);
    assert_eq!(server.patches(), 3);
    // Another debrief of that name is another one.
    server.meddle(&[|debrief| debrief["metadata"]["uid"] = json!("d2")]);
    let failure = take(&server, "held d").await.unwrap_err();
    assert!(failure.to_string().contains("is another one by now"), "{failure}");
    server.meddle(&[(|_| {}) as Meddling; 8]);
    assert_eq!(take(&server, "held d").await.unwrap_err().exit, Exit::Infrastructure);
}

#[tokio::test]
async fn an_incident_is_opened_as_what_it_is() {
    let server = Server::with(&miss());
    let told = take(&server, "open --title |=Payments were refused| --started-at |=2026-11-26 09:00| --noticed-at |=2026-11-26 09:10| --noticed-by customer --experiment payments-gone --time-zone Europe/Berlin")
        .await
        .unwrap();
    assert!(told.contains("is open; there is no Experiment payments-gone in namespace shop yet. Next: say when the service was completely back: firedrill debrief resolved incident-20261126-"), "{told}");
    let created = server.created();
    let name = created["metadata"]["name"].as_str().unwrap();
    let suffix = name.strip_prefix("incident-20261126-").unwrap();
    assert!(
        suffix.len() == 5 && suffix.parse::<u64>().is_err(),
        "{name} is of the operator's form"
    );
    assert_eq!(
        created["metadata"]["labels"],
        json!({"debrief": "true", "firedrill.dev/experiment": "payments-gone"})
    );
    let spec = &created["spec"];
    assert_eq!(spec["source"], json!({"kind": "Incident"}));
    assert_eq!(
        spec["incident"],
        json!({"startedAt": "2026-11-26T08:00:00.000000Z", "noticedAt": "2026-11-26T08:10:00.000000Z",
        "noticedBy": "Customer", "experiment": "payments-gone"})
    );
    assert_eq!(
        (&spec["severity"], &spec["policy"]["timeZone"]),
        (&json!("Moderate"), &json!("Europe/Berlin"))
    );
    assert!(spec.get("evidence").is_none() && spec.get("fingerprint").is_none());
    take(&server, "open --minor --title x --started-at -3h --resolved-at -1h --noticed-by Team")
        .await
        .unwrap();
    assert_eq!(server.created()["spec"]["severity"], "Minor");
    for (args, why) in [
        ("--started-at +1h --noticed-by Team", "--started-at: Thu 26 Nov 13:00 is still to come"),
        (
            "--started-at -1h --noticed-at -2h --noticed-by Team",
            "--noticed-at: Thu 26 Nov 10:00 is before it really started at Thu 26 Nov 11:00",
        ),
        (
            "--started-at -1h --noticed-by Team --time-zone Europe/Lodnon",
            "--time-zone: \"Europe/Lodnon\" is no time zone of the IANA database: did you mean Europe/London?",
        ),
        (
            "--started-at -1h --noticed-by Team --experiment Not/One",
            "--experiment: this is no name",
        ),
    ] {
        refused(&server, &format!("open --title x {args}"), why).await;
    }
}

#[test]
fn what_is_run_to_prove_it_is_exactly_what_missed() {
    let debrief = miss();
    let evidence = debrief.spec.evidence.as_ref().unwrap();
    let run = verification(&debrief, false).unwrap();
    assert_eq!(&*run.spec.experiment, "slow-alert");
    assert_eq!(run.spec.verifies.as_deref(), Some("d"));
    assert_eq!(run.spec.template.as_deref(), Some(&evidence.spec));
    let one = with(
        &slow_alert(),
        &[
            ("/status/plan/spec/fault/podKill/count", json!(1)),
            ("/status/plan/spec/guards", json!({"minReady": 1})),
        ],
    );
    let larger = verification(&opened(&one).unwrap(), true).unwrap().spec.template.unwrap();
    let fault = serde_json::to_value(&larger.fault).unwrap();
    assert_eq!((&fault["podKill"]["percent"], fault["podKill"].get("count")), (&json!(100), None));
    assert_eq!(larger.guards.min_ready, 0);
    let judged = firedrill::debrief::proof::weaker(evidence, &larger, &evidence.victims, Some(2));
    assert_eq!(judged.refused, Vec::<String>::new());
    let rollout = json!({"badRollout": {"image": "firedrill.invalid/none"}});
    let rollout = opened(&with(&slow_alert(), &[("/status/plan/spec/fault", rollout)])).unwrap();
    let refused = verification(&rollout, true).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "--larger: badRollout takes no pods away, so there is no larger one of it"
    );
    let mut over = miss();
    over.status.as_mut().unwrap().ended_at = Some(moment(NOW));
    assert!(verification(&over, false).unwrap_err().to_string().contains("is over"));
}

#[test]
fn an_incident_is_proven_by_the_experiment_that_it_names() {
    let incident = |experiment: Value| -> Debrief {
        serde_json::from_value(json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "Debrief", "metadata": {"name": "d", "namespace": "shop"},
            "spec": {"title": "t", "severity": "Minor", "source": {"kind": "Incident"},
                "incident": {"startedAt": NOW, "noticedBy": "Team", "experiment": experiment}},
        }))
        .unwrap()
    };
    let run = verification(&incident(json!("payments-gone")), false).unwrap();
    assert_eq!((&*run.spec.experiment, run.spec.template), ("payments-gone", None));
    assert_eq!(run.spec.verifies.as_deref(), Some("d"));
    let unnamed = verification(&incident(Value::Null), false).unwrap_err();
    assert!(
        unnamed.to_string().contains("names no experiment that proves it; name one: kubectl patch"),
        "{unnamed}"
    );
}
