//! The live block: elapsed time, each question's clock against its objective, the last facts.

use super::{Style, clean, line, seconds, since, title, waiting};
use crate::{
    api::{
        Duration, ExperimentRun, ExperimentSpec, Moment,
        run::{ExperimentRunStatus, Fact, FactName},
    },
    core::{plan, stage, words},
};

const BAR: usize = 20;
/// How many of the last facts are shown.
const FACTS: usize = 5;

/// The block for a run that is under way, at `now`; `hint` says what its reader can do.
#[must_use]
pub fn block(run: &ExperimentRun, now: Moment, hint: &str, style: Style) -> String {
    let empty = ExperimentRunStatus::default();
    let status = run.status.as_ref().unwrap_or(&empty);
    let mut lines = vec![headline(run, status, now)];
    if let Some(spec) = status.journal.as_ref().and_then(|plan| plan.spec.as_ref()) {
        if status.fact(FactName::Injected).is_some() {
            lines.push(noticed(status, spec, now, style));
            lines.push(back(status, spec, now, style));
            lines.extend(probes(status));
        } else {
            lines.extend(
                waiting(status).map(|guard| format!("  waiting for {}", style.faint(&guard))),
            );
        }
    }
    let skip = status.facts.len().saturating_sub(FACTS);
    lines.extend(status.facts.iter().skip(skip).map(|fact| format!("  {}", line(fact))));
    lines.push(style.faint(hint));
    let fit = |line: String| crop(&line, style);
    lines.into_iter().map(fit).collect::<Vec<_>>().join("\n")
}

/// A line that wraps would break the redraw; escape codes take no room.
fn crop(line: &str, style: Style) -> String {
    let (mut text, mut room, mut escape) = (String::new(), style.width, false);
    for c in line.chars() {
        escape |= c == '\x1b';
        if !escape {
            if room == 0 {
                continue;
            }
            room -= 1;
        }
        text.push(c);
        escape &= c != 'm';
    }
    text
}

fn headline(run: &ExperimentRun, status: &ExperimentRunStatus, now: Moment) -> String {
    let state = stage::word(status, None).to_lowercase();
    let limit = status.journal.as_ref().and_then(|plan| plan.spec.as_ref());
    let limit = limit
        .map(|spec| format!(" of at most {}", plan::followed_for(spec) + spec.recovery.stable_for));
    match since(status, FactName::Injected, now) {
        Some(elapsed) => {
            format!("{}   {state}   {}{}", title(run), seconds(elapsed), limit.unwrap_or_default())
        }
        None => format!("{}   {state}", title(run)),
    }
}

fn noticed(
    status: &ExperimentRunStatus,
    spec: &ExperimentSpec,
    now: Moment,
    style: Style,
) -> String {
    let from = spec.detection.from.fact();
    let seen = status.fact(spec.detection.until.fact());
    let note = match (seen, status.fact(FactName::ConditionTrue)) {
        (Some(fact), _) => alert(fact),
        (None, Some(fact)) => format!("{} is pending", alert(fact)),
        (None, None) => "no alert yet".to_owned(),
    };
    let took = since(status, from, seen.map_or(now, |fact| fact.at));
    clock("noticed?", took, spec.detection.within, seen.is_some(), &note, style)
}

/// The name of the alert that the fact is about.
fn alert(fact: &Fact) -> String {
    clean(words::alert(&fact.labels))
}

fn back(status: &ExperimentRunStatus, spec: &ExperimentSpec, now: Moment, style: Style) -> String {
    let good = status.impact.as_ref().and_then(|impact| impact.good_since);
    let note = match (status.fact(FactName::ImpactStarted), good) {
        (None, _) => "no impact yet".to_owned(),
        (Some(_), None) => "the service is down".to_owned(),
        (Some(_), Some(_)) => format!("good again, proving it for {}", spec.recovery.stable_for),
    };
    let until = good.map_or(now, |good| good.at);
    let took = since(status, FactName::Injected, until);
    clock("back?", took, spec.recovery.within, good.is_some(), &note, style)
}

fn clock(
    question: &str,
    took: Option<Duration>,
    limit: Duration,
    stopped: bool,
    note: &str,
    style: Style,
) -> String {
    let took = took.unwrap_or(Duration::ZERO);
    let late = took > limit;
    let share = took.as_secs_f64() / limit.as_secs_f64().max(0.001);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and BAR"
    )]
    let filled = (share.clamp(0.0, 1.0) * 20.0) as usize;
    let bar = style.symbol("█", "#").repeat(filled) + &style.symbol("░", ".").repeat(BAR - filled);
    let bar = match (late, stopped) {
        (true, _) => style.bad(&bar),
        (false, true) => style.good(&bar),
        (false, false) => bar,
    };
    let late = if late { "   late" } else { "" };
    let time = format!("{} of {limit}{late}", seconds(took));
    format!("  {question:<10} {bar} {time:<18} {}", style.faint(note))
}

fn probes(status: &ExperimentRunStatus) -> Option<String> {
    let counts = &status.impact.as_ref()?.probes;
    let last = counts.last_failure.as_deref().map(|last| format!(", last: {}", clean(last)));
    let as_of = counts.as_of.map(|at| format!(" as of {}", at.time_of_day()));
    Some(format!(
        "  probes     {} of {} failed{}{}",
        counts.failed,
        counts.total,
        as_of.unwrap_or_default(),
        last.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{PLAIN, run},
        *,
    };

    #[test]
    fn the_clocks_run_against_their_objectives() {
        let mut run = run(&[
            ("injected", "31.204000", "2 of 2 × evict pod accepted"),
            ("impactStarted", "31.890000", "answers: connection refused"),
            ("conditionTrue", "36.310000", ""),
        ]);
        run.status.as_mut().unwrap().facts[2].labels =
            [("alertname".to_owned(), "CheckoutDown".to_owned())].into();
        let now: Moment = serde_json::from_str("\"2026-11-24T10:40:58.204Z\"").unwrap();
        assert_eq!(
            block(&run, now, "Ctrl-C stops", PLAIN),
            "\
slow-alert-8h2kx   injected   27s of at most 3m
  noticed?   #################### 27s of 20s   late  CheckoutDown is pending
  back?      #########........... 27s of 1m          the service is down
  probes     26 of 27 failed, last: answers: connection refused
  10:40:31.204  injected        2 of 2 × evict pod accepted
  10:40:31.890  impact          answers: connection refused
  10:40:36.310  condition true  {alertname=\"CheckoutDown\"}
Ctrl-C stops"
        );
    }

    #[test]
    fn the_first_line_says_where_the_run_stands() {
        let now: Moment = serde_json::from_str("\"2026-11-24T10:40:58Z\"").unwrap();
        let names = ["accepted", "journaled", "injected", "revertStarted", "reverted"];
        let facts = names.map(|name| (name, "31.000000", ""));
        for (seen, told) in [
            (1, "waiting"),
            (2, "injecting"),
            (3, "injected   27s of at most 3m"),
            (4, "reverting   27s of at most 3m"),
            (5, "measuring   27s of at most 3m"),
        ] {
            let block = block(&run(&facts[..seen]), now, "", PLAIN);
            assert_eq!(block.lines().next(), Some(&*format!("slow-alert-8h2kx   {told}")));
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let run = run(&[("injected", "31.204000", &"x".repeat(300))]);
        let now: Moment = serde_json::from_str("\"2026-11-24T10:40:58Z\"").unwrap();
        let narrow = Style { width: 40, ..PLAIN };
        assert!(block(&run, now, "", narrow).lines().all(|line| line.chars().count() <= 40));
    }
}
