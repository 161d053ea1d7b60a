//! A run as lines, where there is no terminal: each thing once.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

use super::{line, waiting};
use crate::api::{ExperimentRun, run::FactName};

/// How long something has lasted, which grows from look to look.
static LASTED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b[0-9.]+(us|ms|s|m|h)([0-9.]+(ms|s|m))*\b").ok());

/// What was told of a run so far.
#[derive(Debug, Default)]
pub struct Log {
    facts: BTreeSet<FactName>,
    reasons: BTreeSet<String>,
}

impl Log {
    /// The lines that are new with this version of the run: its facts in the order of their instants, although
    /// one that is seen late comes after what was told already. A reason to wait is told again only when it has
    /// other words or numbers; two that alternate are told once each.
    pub fn lines(&mut self, run: &ExperimentRun) -> Vec<String> {
        let Some(status) = &run.status else {
            return Vec::new();
        };
        let reason = waiting(status).filter(|reason| self.reasons.insert(lasting(reason)));
        let mut lines = Vec::from_iter(reason.map(|reason| format!("waiting for {reason}")));
        lines.extend(status.facts.iter().filter(|fact| self.facts.insert(fact.name)).map(line));
        lines
    }
}

/// The reason without what only says how long it has lasted.
fn lasting(reason: &str) -> String {
    LASTED
        .as_ref()
        .map_or_else(|| reason.to_owned(), |lasted| lasted.replace_all(reason, "").into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::tests::run, *};
    use crate::api::run::Reason;

    fn waits(reason: &str, message: &str) -> ExperimentRun {
        conditioned(
            run(&[]),
            json!({"type": "Injected", "status": "False", "reason": reason, "message": message}),
        )
    }

    fn conditioned(mut run: ExperimentRun, mut condition: Value) -> ExperimentRun {
        condition["lastTransitionTime"] = json!("2026-11-24T10:40:00Z");
        run.status.get_or_insert_default().conditions =
            vec![serde_json::from_value(condition).unwrap()];
        run
    }

    #[track_caller]
    fn check(reasons: &[(&str, &str)], told: &[&str]) {
        let mut log = Log::default();
        let lines = reasons.iter().flat_map(|(reason, message)| log.lines(&waits(reason, message)));
        assert_eq!(lines.collect::<Vec<_>>(), told);
    }

    #[test]
    fn reasons_that_alternate_are_told_once_each() {
        let alternate = [
            ("Steady", "probe answers good for 900ms of 10s"),
            ("AlertsQuiet", "Gateway is already pending"),
            ("Steady", "probe answers good for 1m2.5s of 10s"),
            ("AlertsQuiet", "Gateway is already pending"),
        ];
        let once = [
            "waiting for Steady: probe answers good for 900ms of 10s",
            "waiting for AlertsQuiet: Gateway is already pending",
        ];
        check(&alternate, &once);
    }

    #[test]
    fn a_reason_is_told_anew_with_other_words_or_numbers() {
        check(
            &[
                ("Steady", "probe answers fails: HTTP 502"),
                ("Steady", "probe answers fails: HTTP 404"),
            ],
            &[
                "waiting for Steady: probe answers fails: HTTP 502",
                "waiting for Steady: probe answers fails: HTTP 404",
            ],
        );
        check(
            &[
                ("AlertsQuiet", "Gateway is already pending"),
                ("AlertsQuiet", "Gateway is already firing"),
            ],
            &[
                "waiting for AlertsQuiet: Gateway is already pending",
                "waiting for AlertsQuiet: Gateway is already firing",
            ],
        );
    }

    #[test]
    fn a_fact_that_is_seen_late_is_told_once_and_none_is_lost() {
        let seen = |facts: &[(&str, &str)]| {
            let facts: Vec<_> = facts.iter().map(|(name, second)| (*name, *second, "")).collect();
            run(&facts)
        };
        let first = seen(&[("injected", "31.204000"), ("notified", "37.461000")]);
        let second = seen(&[
            ("injected", "31.204000"),
            ("restored", "31.204000"),
            ("conditionTrue", "36.310000"),
            ("notified", "37.461000"),
            ("mitigated", "52.920000"),
        ]);
        let mut log = Log::default();
        let told: Vec<_> = [&first, &second, &second].map(|run| log.lines(run)).concat();
        let told: Vec<_> = told.iter().map(|line| line.trim_end()).collect();
        assert_eq!(
            told,
            [
                "10:40:31.204  injected",
                "10:40:37.461  notified",
                "10:40:31.204  restored",
                "10:40:36.310  condition true",
                "10:40:52.920  mitigated",
            ]
        );
    }

    #[test]
    fn a_run_that_is_over_waits_for_nothing() {
        let mut over = run(&[("completed", "31.204000", "")]);
        over.status.as_mut().unwrap().facts[0].reason = Some(Reason::TargetFound);
        let injected = json!({"type": "Injected", "status": "False", "reason": "NotInjected", "message": "nothing was broken"});
        let lines = Log::default().lines(&conditioned(over, injected));
        assert_eq!(lines, ["10:40:31.204  completed       refused by guard TargetFound"]);
    }
}
