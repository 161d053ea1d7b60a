//! What people are told of debriefs: the opening at once, whatever is due in one message per team and working morning, and
//! the end; each written down before it leaves.

use firedrill::{
    api::{
        Debrief, Duration, Moment, conditions,
        debrief::{Notice, condition},
    },
    core::undelivered::Undelivered,
    debrief::{
        decide::{Decision, Delivery, Observed, Told, decide},
        remind::{Peer, to_remind},
    },
};
use serde_json::json;

use super::runs::{moment, never_noticed, opened, slow_alert};

/// The debriefs of one team, and what its chat has heard.
pub struct Team {
    pub debriefs: Vec<Debrief>,
    heard: Vec<(Moment, Notice, String, String)>,
    delivery: Delivery,
}

impl Team {
    pub fn new(debriefs: Vec<Debrief>) -> Self {
        Self { debriefs, heard: Vec::new(), delivery: Delivery::Delivered }
    }

    /// Looks at each of them, until nothing is to be done at that instant; gives when the next thing is due.
    pub fn look(&mut self, now: Moment) -> Moment {
        let mut next = now + Duration::minutes(60);
        for index in 0..self.debriefs.len() {
            let mut told = None;
            for _ in 0..20 {
                match self.decide(index, told.as_ref(), now) {
                    Decision::Record(status) => {
                        (self.debriefs[index].status, told) = (Some(*status), None);
                    }
                    Decision::Tell { claim, what, key, text, .. } => {
                        self.debriefs[index].status = Some(*claim);
                        self.heard.push((now, what, key, text));
                        told = Some(Told { what, at: now, delivery: self.delivery.clone() });
                    }
                    Decision::WaitUntil(until) => {
                        next = next.min(until);
                        break;
                    }
                    _ => break,
                }
            }
        }
        next
    }

    fn decide(&self, index: usize, told: Option<&Told>, now: Moment) -> Decision {
        let peers = || self.debriefs.iter().map(|debrief| Peer::of(debrief, now)).collect();
        choose(&self.debriefs[index], &peers, told, now)
    }

    /// Lives from one instant to another, and looks whenever something is due.
    fn live(&mut self, from: &str, to: &str) {
        let (mut now, to) = (moment(from), moment(to));
        while now <= to {
            let next = self.look(now);
            assert!(next > now, "it would be looked at without an end");
            now = next;
        }
    }

    /// When a message of that kind was heard.
    fn when(&self, of: Notice) -> Vec<String> {
        let of = self.heard.iter().filter(|(_, what, ..)| *what == of);
        of.map(|(at, ..)| at.timestamp().strftime("%a %d %b %H:%M").to_string()).collect()
    }
}

/// What is to be done about a debrief without runs.
pub fn choose(
    debrief: &Debrief,
    peers: &dyn Fn() -> Vec<Peer>,
    told: Option<&Told>,
    now: Moment,
) -> Decision {
    decide(&Observed {
        now,
        debrief,
        runs: &[],
        run: None,
        passed_over: &[],
        peers,
        told,
        experiment: None,
        started: None,
    })
}

pub fn named(name: &str) -> Debrief {
    let mut debrief = opened(&slow_alert()).unwrap();
    debrief.metadata.name = Some(name.to_owned());
    debrief.metadata.uid = Some(name.to_owned());
    debrief
}

/// One whose meeting was held on the day after, with that item.
fn held(name: &str, item: &serde_json::Value) -> Debrief {
    let mut debrief = named(name);
    debrief.spec.impact = serde_json::from_value(json!({"none": true})).unwrap();
    debrief.spec.meeting =
        serde_json::from_value(json!({"heldAt": "2026-11-25T13:00:00Z"})).unwrap();
    let mut whole = json!({"id": "a1", "title": "Shorten the wait", "turnsYes": ["Detection"], "type": "Detect",
        "horizon": "Immediate", "ownerTeam": "checkout"});
    whole.as_object_mut().unwrap().extend(item.as_object().unwrap().clone());
    debrief.spec.action_items = serde_json::from_value(json!([whole])).unwrap();
    debrief
}

#[test]
fn the_opening_is_told_at_once_and_once() {
    let mut team = Team::new(vec![named("one")]);
    team.live("2026-11-24T11:00:00Z", "2026-11-24T17:00:00Z");
    assert_eq!(team.when(Notice::Opened), ["Tue 24 Nov 11:00"]);
    let text = &team.heard[0].3;
    assert!(
        text.contains(
            "Debrief one in namespace shop opened for team-checkout: Losing both checkout pods"
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "(Detection missed). Meet between 2026-11-25 10:41:12 UTC and 2026-11-27 10:41:12 UTC."
        ),
        "{text}"
    );
    assert!(text.ends_with("firedrill debrief show one -n shop"), "{text}");
}

#[test]
fn a_message_is_written_down_before_it_leaves_and_a_lost_answer_repeats_it_alike() {
    let mut team = Team::new(vec![named("one")]);
    let now = moment("2026-11-24T11:00:00Z");
    let Decision::Tell { claim, key, text, until, .. } = team.decide(0, None, now) else {
        panic!("it is told")
    };
    assert_eq!((claim.messages[0].tries, claim.messages[0].delivered), (1, None));
    team.debriefs[0].status = Some(*claim);
    assert!(
        matches!(team.decide(0, None, now), Decision::WaitUntil(_)),
        "whoever reads the claim tells nothing"
    );
    // The process that told it is gone, and nobody knows whether it arrived.
    let later = now + Duration::seconds(20);
    assert_eq!(until, later, "whoever was paused so long tells it no more");
    let again = team.decide(0, None, later);
    let Decision::Tell { claim, key: again, text: same, until, .. } = again else {
        panic!("once more")
    };
    assert_eq!((again, same, claim.messages[0].tries), (key, text, 2));
    assert_eq!(until, later + Duration::seconds(40));
}

#[test]
fn a_chat_that_refuses_is_asked_ever_more_rarely_and_the_condition_has_its_words() {
    let mut team = Team::new(vec![named("one")]);
    team.delivery = Delivery::Undelivered("HTTP 429".to_owned().into());
    team.live("2026-11-24T11:00:00Z", "2026-11-24T12:00:00Z");
    let told = |team: &Team| {
        let status = team.debriefs[0].status.as_ref().unwrap();
        let told = conditions::get(&status.conditions, condition::TOLD).unwrap();
        (told.status.clone(), told.message.clone())
    };
    assert_eq!(told(&team), ("False".to_owned(), "HTTP 429".to_owned()));
    let openings = |team: &Team| team.when(Notice::Opened).len();
    let tries = openings(&team);
    assert!((10..15).contains(&tries), "{tries} tries in an hour");
    team.delivery = Delivery::Delivered;
    team.live("2026-11-24T12:00:00Z", "2026-11-24T12:20:00Z");
    assert_eq!((told(&team).0.as_str(), openings(&team)), ("True", tries + 1));
}

#[test]
fn a_chat_is_left_alone_for_as_long_as_it_asks() {
    let mut team = Team::new(vec![named("one")]);
    let retry_after = Some(Duration::minutes(15));
    let problem = "HTTP 429".to_owned();
    team.delivery = Delivery::Undelivered(Undelivered { problem, retry_after });
    team.live("2026-11-24T11:00:00Z", "2026-11-24T11:46:00Z");
    let quarters = ["Tue 24 Nov 11:00", "Tue 24 Nov 11:15", "Tue 24 Nov 11:30", "Tue 24 Nov 11:45"];
    assert_eq!(team.when(Notice::Opened), quarters);
}

#[test]
fn a_team_hears_once_per_working_morning_of_all_that_is_due() {
    let late = || held("b", &json!({"dueAt": "2026-11-28T00:00:00Z"}));
    let mut team = Team::new(vec![named("c"), late(), named("a")]);
    team.live("2026-11-24T11:00:00Z", "2026-12-01T12:00:00Z");
    let reminders = [
        "Wed 25 Nov 09:00",
        "Thu 26 Nov 09:00",
        "Fri 27 Nov 09:00",
        "Mon 30 Nov 09:00",
        "Tue 01 Dec 09:00",
    ];
    let heard = team.when(Notice::Reminder);
    assert_eq!(heard[heard.len() - 5..], reminders);
    let (.., text) = team.heard.last().unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "Debriefs of team-checkout, to be done:",
            "- a in shop: the meeting is overdue since 2026-11-27 10:41:12 UTC",
            "- b in shop: item a1 (Shorten the wait) is overdue since 2026-11-28 00:00:00 UTC",
            "- c in shop: the meeting is overdue since 2026-11-27 10:41:12 UTC",
        ]
    );
}

#[test]
fn one_of_a_team_carries_the_reminder_also_before_anybody_has_heard_of_it() {
    let mut team = Team::new(vec![named("c"), named("a"), named("b")]);
    team.live("2026-11-24T11:00:00Z", "2026-11-24T12:00:00Z");
    let now = moment("2026-11-25T09:00:00Z");
    let peers: Vec<_> = team.debriefs.iter().map(|debrief| Peer::of(debrief, now)).collect();
    let days = team.debriefs.iter().map(|debrief| to_remind(debrief, &peers, now));
    assert_eq!(days.collect::<Vec<_>>(), [None, Some("2026-11-25".to_owned()), None]);
}

#[test]
fn a_reminder_is_late_rather_than_never_and_keeps_to_working_hours() {
    for (from, heard) in [
        ("2026-11-30T14:20:00Z", "Mon 30 Nov 14:20"),
        ("2026-11-30T18:00:00Z", "Tue 01 Dec 09:00"),
        ("2026-11-28T10:00:00Z", "Mon 30 Nov 09:00"),
    ] {
        let mut team = Team::new(vec![named("a")]);
        team.live("2026-11-24T17:00:00Z", "2026-11-24T17:30:00Z");
        team.live(from, "2026-12-01T09:30:00Z");
        assert_eq!(team.when(Notice::Reminder)[0], heard, "nobody looked before {from}");
    }
}

#[test]
fn the_checkpoint_comes_after_fourteen_days_and_again_until_what_is_immediate_is_done() {
    let due_later = json!({"dueAt": "2027-06-01T00:00:00Z"});
    let mut team = Team::new(vec![held("a", &due_later)]);
    let checkpoints = |team: &Team| -> Vec<String> {
        let of = team.heard.iter().filter(|(.., text)| text.contains("hold a checkpoint"));
        of.map(|(at, ..)| at.timestamp().strftime("%d %b").to_string()).collect()
    };
    team.live("2026-11-26T08:00:00Z", "2026-12-11T12:00:00Z");
    assert_eq!(checkpoints(&team), ["09 Dec", "10 Dec", "11 Dec"], "14 days after the meeting");
    let checkpoint = json!([{"heldAt": "2026-12-11T15:00:00Z"}]);
    team.debriefs[0].spec.checkpoints = serde_json::from_value(checkpoint).unwrap();
    team.live("2026-12-11T15:00:00Z", "2026-12-28T12:00:00Z");
    assert_eq!(checkpoints(&team)[3..], ["25 Dec", "28 Dec"], "14 days after the last one");
    team.debriefs[0].spec.action_items[0].state = serde_json::from_value(json!("Done")).unwrap();
    team.live("2026-12-28T12:00:00Z", "2027-01-29T12:00:00Z");
    assert_eq!(checkpoints(&team).len(), 5);
}

#[test]
fn whoever_has_no_resolution_is_asked_for_it_and_an_end_is_told() {
    let mut debrief = opened(&never_noticed()).unwrap();
    debrief.metadata.uid = Some("u".to_owned());
    let mut team = Team::new(vec![debrief]);
    team.live("2026-11-24T11:00:00Z", "2026-11-25T10:00:00Z");
    assert!(
        team.heard
            .last()
            .unwrap()
            .3
            .contains("say when the service was back: firedrill debrief resolved")
    );
    let dismissal = json!({"reason": "the cluster was switched off for the night"});
    team.debriefs[0].spec.dismissal = serde_json::from_value(dismissal).unwrap();
    team.live("2026-11-25T10:00:00Z", "2026-11-30T10:00:00Z");
    assert_eq!(team.when(Notice::Ended), ["Wed 25 Nov 10:00"]);
    assert!(team.heard.last().unwrap().3.contains("is over (Dismissed)"));
}

#[test]
fn what_people_wrote_acts_in_no_chat() {
    let hostile = "<!channel> @here \u{1b}[31m \u{202e}x\n- forged";
    let mut debrief = held("a", &json!({"title": hostile, "dueAt": "2026-11-25T14:00:00Z"}));
    debrief.spec.title = hostile.to_owned();
    let mut team = Team::new(vec![debrief]);
    team.live("2026-11-26T08:00:00Z", "2026-11-27T12:00:00Z");
    assert_eq!(team.heard.len(), 2);
    for (_, what, _, text) in &team.heard {
        assert!(!text.contains(['<', '>', '@', '\u{1b}', '\u{202e}']), "{text}");
        let lines = if *what == Notice::Opened { 3 } else { 2 };
        assert_eq!(text.lines().count(), lines, "{text}");
    }
}
