//! People's part as Markdown and back: nothing is lost, and what is not known is refused by its line.

use fastrand::Rng;
use firedrill::{
    api::{
        Moment,
        debrief::{
            AcceptedRisk, ActionItem, Amendment, Checkpoint, ContributingFactor, Cost, Dismissal,
            FactorCategory, Findings, Horizon, ItemState, ItemType, Meeting, Objective,
            PeopleImpact, Policy, Severity, Steps,
        },
    },
    debrief::{
        clock::Clock,
        edit::{People, parse, print},
    },
};

use super::runs::moment;

/// What a text may begin with, hold or end with, so that a careless printer or parser loses some of it.
const NASTY: [&str; 40] = [
    "#",
    "# ",
    "## Impact",
    "### Reason",
    "- ",
    "-",
    "- severity: Major",
    ":",
    ": ",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    "\r",
    "\r\n",
    "`",
    "```\n# code\n```",
    "\\",
    "\\\\",
    "\\n",
    "\\u{20}",
    "\\#",
    "<!--",
    "-->",
    "<!-- x -->",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{feff}",
    "\u{a0}",
    "\u{2028}",
    "\u{85}",
    "\u{1b}[31m",
    "ü",
    "日本",
    "👩‍👩‍👧",
    "---",
    "1. ",
    "word",
];

fn text(random: &mut Rng, least: usize, most: usize) -> String {
    let mut text = String::new();
    for _ in 0..random.usize(1..6) {
        text.push_str(random.choice(NASTY).unwrap());
    }
    while text.chars().count() < least {
        text.push_str(random.choice(NASTY).unwrap());
    }
    text.chars().take(most).collect()
}

fn maybe<T>(random: &mut Rng, make: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    random.bool().then(|| make(random))
}

fn many<T>(random: &mut Rng, make: impl Fn(&mut Rng) -> T) -> Vec<T> {
    (0..random.usize(0..4)).map(|_| make(random)).collect()
}

/// Whole minutes as people write them, and others; around the changes of the clock too.
fn instant(random: &mut Rng) -> Moment {
    let day = random.u64(0..400);
    let at = moment("2026-10-24T00:00:00Z")
        + firedrill::api::Duration::minutes(day * 1440 + random.u64(0..1440));
    if random.bool() {
        at
    } else {
        at + firedrill::api::Duration::micros(random.u64(1..60_000_000))
    }
}

fn objective(random: &mut Rng) -> Objective {
    *random
        .choice([Objective::Detection, Objective::Recovery, Objective::Tolerance].iter())
        .unwrap()
}

fn item(random: &mut Rng, id: String) -> ActionItem {
    let state =
        *random.choice([ItemState::Open, ItemState::Done, ItemState::Dropped].iter()).unwrap();
    let types = [
        ItemType::Prevent,
        ItemType::Detect,
        ItemType::Mitigate,
        ItemType::Recover,
        ItemType::Process,
        ItemType::Investigate,
    ];
    let done = random.usize(0..4);
    ActionItem {
        id,
        title: text(random, 1, 256),
        turns_yes: many(random, objective),
        type_: *random.choice(types.iter()).unwrap(),
        horizon: *random
            .choice([Horizon::Immediate, Horizon::Short, Horizon::Long].iter())
            .unwrap(),
        owner_team: text(random, 1, 63),
        due_at: maybe(random, instant),
        state,
        drop_reason: (state == ItemState::Dropped).then(|| text(random, 10, 512)),
        steps: maybe(random, |_| Steps { add: done > 0, verify: done > 1, subtract: done > 2 }),
        ticket: maybe(random, |random| text(random, 1, 256)),
    }
}

fn findings(random: &mut Rng) -> Findings {
    let kinds =
        [FactorCategory::CodeChange, FactorCategory::ThirdParty, FactorCategory::Observability];
    Findings {
        summary: maybe(random, |random| text(random, 1, 8192)),
        contributing_factors: many(random, |random| ContributingFactor {
            category: *random.choice(kinds.iter()).unwrap(),
            text: text(random, 1, 512),
        }),
        why_surprised: maybe(random, |random| text(random, 1, 4096)),
        went_well: many(random, |random| text(random, 1, 512)),
        got_lucky: many(random, |random| text(random, 1, 512)),
    }
}

fn impact(random: &mut Rng) -> PeopleImpact {
    let number = |random: &mut Rng| random.i64(0..=9_000_000_000_000);
    if random.bool() {
        return PeopleImpact { none: true, ..PeopleImpact::default() };
    }
    PeopleImpact {
        none: false,
        narrative: Some(text(random, 1, 4096)),
        customers_affected: maybe(random, number),
        complaints: maybe(random, number),
        estimated_cost: maybe(random, |random| Cost {
            amount: number(random),
            currency: "EUR".to_owned(),
        }),
    }
}

/// What the schema lets people write.
fn people(random: &mut Rng) -> People {
    People {
        title: text(random, 1, 120),
        severity: *random
            .choice([Severity::Minor, Severity::Moderate, Severity::Major].iter())
            .unwrap(),
        resolved_at: maybe(random, instant),
        impact: maybe(random, impact),
        meeting: maybe(random, |random| Meeting {
            scheduled_at: maybe(random, instant),
            held_at: maybe(random, instant),
            facilitator: maybe(random, |random| text(random, 1, 63)),
        }),
        findings: maybe(random, findings),
        action_items: (0..random.usize(0..4))
            .map(|number| item(random, format!("a{number}")))
            .collect(),
        checkpoints: many(random, |random| Checkpoint {
            held_at: instant(random),
            notes: maybe(random, |random| text(random, 1, 2048)),
        }),
        accepted_risk: maybe(random, |random| AcceptedRisk {
            reason: text(random, 20, 2048),
            review_at: instant(random),
        }),
        dismissal: maybe(random, |random| Dismissal { reason: text(random, 20, 2048) }),
        amendments: many(random, |random| Amendment {
            at: instant(random),
            text: text(random, 1, 2048),
        }),
    }
}

fn clock() -> Clock {
    Clock::of(&Policy { time_zone: "Europe/Berlin".to_owned(), ..Policy::default() }).unwrap()
}

#[test]
fn ten_thousand_debriefs_are_read_back_as_they_were_printed() {
    let (mut random, clock, now) = (Rng::with_seed(19), clock(), moment("2026-12-01T10:00:00Z"));
    for number in 0..10_000 {
        let people = people(&mut random);
        let text = print(&people, &clock);
        assert_eq!(parse(&text, &clock, now).as_ref(), Ok(&people), "debrief {number}:\n{text}");
        // Nothing in it turns a line around or moves a cursor.
        let hidden =
            |c: char| c.is_control() && c != '\n' || ('\u{200b}'..='\u{202e}').contains(&c);
        assert_eq!(text.find(hidden), None, "debrief {number}:\n{text}");
        if number % 10 == 0 {
            // An editor that ends lines in another way loses nothing either.
            let text = text.replace('\n', "\r\n");
            assert_eq!(parse(&text, &clock, now).as_ref(), Ok(&people), "debrief {number}");
        }
    }
}

const WRITTEN: &str = "\
# Losing both checkout pods was noticed late
- severity: moderate

## Impact
- customersAffected: 41,208
- estimatedCost: EUR 6900

### Narrative
Nobody could pay.

Two of them wrote
\\# a title

## Meeting
- heldAt: 2026-11-26 13:00
- facilitator: platform facilitator

## Findings
### Contributing factors
- Observability: the rule waits
  for ten minutes
- capacity: one replica
### Went well
- The runbook was linked

## Action items

### a1: Page sooner
- turnsYes: detection, Recovery
- type: Detect
- horizon: Immediate
- ownerTeam: checkout
- steps: add, verify

## Accepted risk
- reviewAt: +30d
### Reason
We sell nothing in January, so it can wait.
";

fn read(text: &str) -> Result<People, Vec<String>> {
    let now = moment("2026-12-01T10:00:00Z");
    parse(text, &clock(), now)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn what_people_write_is_what_is_read() {
    let people = read(WRITTEN).unwrap();
    assert_eq!(people.severity, Severity::Moderate);
    let impact = people.impact.unwrap();
    assert_eq!(impact.narrative.unwrap(), "Nobody could pay.\n\nTwo of them wrote\n# a title");
    assert_eq!(impact.customers_affected, Some(41_208));
    assert_eq!(impact.estimated_cost.unwrap().amount, 6_900);
    let meeting = people.meeting.unwrap();
    assert_eq!(meeting.held_at, Some(moment("2026-11-26T12:00:00Z")));
    let findings = people.findings.unwrap();
    let factors: Vec<_> =
        findings.contributing_factors.iter().map(|factor| &*factor.text).collect();
    assert_eq!(factors, ["the rule waits for ten minutes", "one replica"]);
    let item = &people.action_items[0];
    assert_eq!((item.id.as_str(), item.title.as_str()), ("a1", "Page sooner"));
    assert_eq!(item.turns_yes, [Objective::Detection, Objective::Recovery]);
    assert_eq!(item.steps, Some(Steps { add: true, verify: true, subtract: false }));
    assert_eq!(people.accepted_risk.unwrap().review_at, moment("2026-12-31T10:00:00Z"));
    assert_eq!((people.dismissal, people.amendments.len()), (None, 0));
}

#[track_caller]
fn refuse(from: &str, to: &str, problems: &[&str]) {
    assert!(WRITTEN.contains(from), "{from}");
    let refused = read(&WRITTEN.replacen(from, to, 1)).unwrap_err();
    assert_eq!(refused.len(), problems.len(), "{refused:#?}");
    for (refused, problem) in refused.iter().zip(problems) {
        assert!(refused.contains(problem), "{refused:?} and not {problem:?}");
    }
}

#[test]
fn what_is_not_known_is_refused_by_its_line_with_what_is_allowed() {
    refuse(
        "## Impact",
        "## Impakt",
        &[
            "line 4: unknown heading \"Impakt\"; did you mean \"Impact\"? allowed: Impact, Meeting, Findings",
        ],
    );
    refuse(
        "### Narrative",
        "### Story",
        &["line 8: unknown heading \"Story\"; allowed: Narrative"],
    );
    refuse("### Narrative", "#### Narrative", &["line 8: unknown heading \"Narrative\""]);
    refuse("\\# a title", "# a title", &["line 12: unknown heading \"a title\"; allowed: Impact"]);
    refuse(
        "- heldAt",
        "- held",
        &[
            "line 15: unknown key \"held\"; did you mean \"heldAt\"? allowed: scheduledAt, heldAt, facilitator",
        ],
    );
    refuse(
        "13:00",
        "25:00",
        &[
            "line 15: heldAt: \"2026-11-26 25:00\" is no instant; write 2026-12-01 10:00 (in Europe/Berlin)",
        ],
    );
    refuse(
        "moderate",
        "Catastrophic",
        &["line 2: severity: \"Catastrophic\" is not one of Minor, Moderate, Major"],
    );
    refuse("- severity: moderate", "", &["line 1: severity lacks"]);
    refuse("41,208", "many", &["line 5: customersAffected: \"many\" is no whole number"]);
    refuse("EUR 6900", "a lot", &["line 6: estimatedCost: \"a lot\" is no amount of money"]);
    refuse("- capacity:", "- Luck:", &["line 22: \"Luck\" is not one of CodeChange, ConfigChange"]);
    refuse(
        "- type: Detect",
        "- type: Fix",
        &["line 30: type: \"Fix\" is not one of Prevent, Detect"],
    );
    refuse("- ownerTeam: checkout\n", "", &["line 28: ownerTeam lacks"]);
    refuse(
        "### a1: Page sooner",
        "### Page sooner",
        &["line 28: \"Page sooner\" is no item; write ### a1: What is to change"],
    );
    refuse("add, verify", "verified", &["line 33: steps: \"verified\" is not one of none, add"]);
    refuse("- reviewAt: +30d\n", "", &["line 35: an accepted risk has a reviewAt"]);
    refuse("## Meeting", "## Impact\n## Meeting", &["line 14: Impact stands here twice"]);
    refuse("- facilitator", "- heldAt: now\n- facilitator", &["line 16: heldAt stands here twice"]);
    refuse("# Losing", "Losing", &["line 1: the first heading is the title"]);
    refuse(
        "### Went well\n- The",
        "### Went well\nThe",
        &["line 24: \"The runbook was linked\" is no entry"],
    );
    refuse(
        "## Findings\n",
        "## Findings\nThe story\n",
        &["line 19: \"The story\" belongs under one of the headings below"],
    );
    refuse("## Impact", "<!-- a note\n## Impact", &["line 4: this comment is never ended"]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let wrong = WRITTEN.replace("moderate", "bad").replace("checkout\n", "checkout\n- due: now\n");
    assert_eq!(read(&wrong).unwrap_err().len(), 2);
}
