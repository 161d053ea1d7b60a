//! Each number of a page is traced to the run: changing it there changes the page, and the page has
//! no figure that does not come from the run, from what led up to it, or from a stated policy.

use std::collections::BTreeSet;

use firedrill::{
    api::{Debrief, Duration, ExperimentRun, Moment, run::FactName},
    debrief,
};
use serde_json::{Value, json};

use super::runs::{lead_up, never_noticed, not_tolerated, opened, slow_alert, with};

fn open(run: &ExperimentRun) -> Debrief {
    opened(run).unwrap()
}

/// What the page leaves out on purpose: how the run was planned and kept.
const SILENT: [&str; 13] = [
    "/status/plan/deadline",
    "/status/plan/epoch",
    "/status/plan/target/",
    "/status/plan/spec/duration",
    "/status/plan/spec/fault/",
    "/status/plan/spec/guards/",
    "/status/plan/spec/steadyState/",
    "/status/facts/0/",
    "/status/facts/1/",
    "/status/facts/11/",
    "/status/impact/probes/asOf",
    "/status/impact/goodSince/",
    // Written from `took`, which the page shows.
    "/headline",
];

/// Every leaf below `value` that is a number, a duration or an instant, with another value for it.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(key, value)| leaves(value, &format!("{pointer}/{key}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| leaves(value, &format!("{pointer}/{index}"), found));
        }
        Value::Number(number) => {
            let other = match number.as_i64() {
                Some(number) => json!(number + 1),
                None => json!(number.as_f64().unwrap() + 1.5),
            };
            found.push((pointer.to_owned(), other));
        }
        Value::String(text) => {
            if let Ok(duration) = text.parse::<Duration>() {
                found.push((pointer.to_owned(), json!(duration + Duration::millis(7_300))));
            } else if let Ok(moment) = serde_json::from_value::<Moment>(value.clone()) {
                let earlier = pointer.ends_with("notBefore");
                let by = Duration::millis(7_300);
                let other = if earlier { moment.minus(by) } else { moment + by };
                found.push((pointer.to_owned(), json!(other)));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[test]
fn changing_a_number_in_the_run_changes_the_page() {
    let run = slow_alert();
    let page = debrief::render(&open(&run));
    let mut numbers = Vec::new();
    leaves(&serde_json::to_value(run.status.as_ref().unwrap()).unwrap(), "/status", &mut numbers);
    let (mut traced, mut untraced, mut told) = (0, Vec::new(), Vec::new());
    for (pointer, other) in numbers {
        let changed = debrief::render(&open(&with(&run, &[(&pointer, other)]))) != page;
        let silent =
            SILENT.iter().any(|silent| pointer.starts_with(silent) || pointer.ends_with(silent));
        match (changed, silent) {
            (true, false) => traced += 1,
            (false, true) => {}
            (false, false) => untraced.push(pointer),
            (true, true) => told.push(pointer),
        }
    }
    assert_eq!(untraced, Vec::<String>::new(), "the page does not show these");
    assert_eq!(
        told,
        Vec::<String>::new(),
        "the page shows these although they are listed as silent"
    );
    assert!(traced >= 40, "only {traced} numbers were traced");
}

/// The parts of a text that are figures: `35.1s`, `41`, `10:40:31.204`.
fn figures(text: &str) -> BTreeSet<String> {
    let pattern = regex::Regex::new(r"\d+(?:[.:]\d+)*(?:us|ms|s|m|h)?").unwrap();
    pattern.find_iter(text).map(|figure| figure.as_str().to_owned()).collect()
}

struct Known(BTreeSet<String>);

impl Known {
    fn text(&mut self, text: &str) {
        self.0.extend(figures(text));
    }

    /// A length in each of the roundings that a page may use.
    fn length(&mut self, from: Moment, to: Moment) {
        let micros = Duration::between(from, to).std().as_micros();
        let micros = u64::try_from(micros).unwrap();
        for rounded in [
            micros.div_ceil(100_000) * 100_000,
            micros / 100_000 * 100_000,
            micros.div_ceil(1_000) * 1_000,
            micros / 1_000_000 * 1_000_000,
            micros / 60_000_000 * 60_000_000,
        ] {
            self.text(&Duration::micros(rounded).to_string());
        }
    }

    fn moment(&mut self, moment: Moment) {
        for format in ["%H:%M:%S%.3f", "%H:%M:%S", "%d %b %Y"] {
            self.text(&moment.timestamp().strftime(format).to_string());
        }
    }

    /// The meeting lies 24 to 72 hours after the resolution; the stretch marks are 30s, 1m, 10m.
    fn policy(&mut self, resolved: Option<Moment>) {
        for hours in [24, 72] {
            let at = resolved.map(|at| at + Duration::minutes(hours * 60));
            self.text(
                &at.map(|at| at.timestamp().strftime("%d %H:%M").to_string()).unwrap_or_default(),
            );
        }
        self.text("30s 1m 10m");
    }

    /// What led up to the run, and how far from the injection it was.
    fn lead_up(&mut self, zero: Moment) {
        let lead_up = lead_up();
        self.text(&format!("{} {:?}", lead_up.horizon, lead_up.target_state));
        for entry in lead_up.entries {
            self.text(&format!("{} {}", entry.source, entry.text));
            self.moment(entry.at);
            self.length(entry.at, zero);
            self.length(zero, entry.at);
        }
    }
}

/// Every figure that a page about this run may have, computed from the run alone.
fn known(run: &ExperimentRun, debrief: &Debrief) -> BTreeSet<String> {
    let status = run.status.as_ref().unwrap();
    let mut known = Known(BTreeSet::new());
    known.text(debrief.metadata.name.as_deref().unwrap());
    let mut texts = serde_json::to_value(run).unwrap();
    texts["status"]["facts"] = json!([]);
    known.text(&texts.to_string());
    let at = |name| status.fact(name).map(|fact| fact.at);
    let start = |name| status.fact(name).map(|fact| fact.not_before);
    let zero = start(FactName::Injected).unwrap();
    known.moment(zero);
    for fact in &status.facts {
        known.text(&firedrill::core::words::said(fact));
        known.moment(fact.at);
        known.length(zero, fact.at);
        known.length(fact.not_before, fact.at);
    }
    known.lead_up(zero);
    let impact = status.impact.as_ref().unwrap();
    for gap in &impact.gaps {
        known.moment(gap.from);
        known.moment(gap.to);
        known.length(gap.from, gap.to);
    }
    impact
        .probes
        .first_failure_at
        .into_iter()
        .chain(impact.probes.last_failure_at)
        .for_each(|at| known.moment(at));
    known.text(&(impact.probes.failed * 100 / impact.probes.total).to_string());
    let pairs = [
        (start(FactName::ImpactStarted), at(FactName::Mitigated)),
        (at(FactName::ImpactStarted), start(FactName::Mitigated)),
        (at(FactName::ConditionTrue), at(FactName::Firing)),
        (at(FactName::Firing), at(FactName::Notified)),
    ];
    for (from, to) in pairs {
        if let (Some(from), Some(to)) = (from, to) {
            known.length(from, to);
        }
    }
    for took in [status.detection.as_ref().unwrap().took, status.recovery.as_ref().unwrap().took]
        .into_iter()
        .flatten()
    {
        known.length(zero, zero + took.min);
        known.length(zero, zero + took.max);
    }
    let plan = status.journal.as_ref().unwrap();
    let within = plan.spec.as_ref().unwrap().detection.within;
    if let Some(condition) = at(FactName::ConditionTrue) {
        known.length(condition, zero + within);
    }
    known.text(&format!("{} of {}", plan.victims.len(), plan.count.unwrap()));
    known.policy(at(FactName::Recovered));
    known.0
}

#[test]
fn a_page_has_no_figure_that_the_run_does_not_have() {
    for run in [slow_alert(), never_noticed(), not_tolerated()] {
        let debrief = open(&run);
        let page = debrief::render(&debrief);
        let known = known(&run, &debrief);
        let invented: Vec<_> = figures(&page).difference(&known).cloned().collect();
        assert_eq!(invented, Vec::<String>::new(), "{page}");
    }
}

#[test]
fn the_title_has_the_runs_own_headline() {
    let run = slow_alert();
    let headline = run.status.as_ref().unwrap().detection.as_ref().unwrap().headline.clone();
    assert!(open(&run).spec.title.contains(&format!("after {headline},")));
}
