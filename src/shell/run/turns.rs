//! The operator's log of runs: one line at each turn of a run's life, written with the status that has it.

use tracing::{info, warn};

use crate::{
    api::{
        ExperimentRun,
        run::{ExperimentRunStatus, FactName},
    },
    core::{outcome::conditions::waited_for, words::said},
};

/// What a fact that is a turn of a run's life is called in the log; the others are measurements.
const TURNS: [(FactName, &str); 5] = [
    (FactName::Accepted, "accepted"),
    (FactName::Journaled, "journaled"),
    (FactName::Injected, "injected"),
    (FactName::RevertStarted, "reverting"),
    (FactName::Reverted, "reverted"),
];

/// Logs what is new in `run` compared with `before`.
pub fn log(before: Option<&ExperimentRun>, run: &ExperimentRun) {
    let Some(status) = &run.status else { return };
    let earlier = before.and_then(|before| before.status.as_ref());
    let is_new = |name| status.new_fact(earlier, name);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (namespace, name) = (text(&run.metadata.namespace), text(&run.metadata.name));
    let experiment = run.spec.experiment.to_string();
    for (fact, turn) in TURNS.iter().filter_map(|(name, turn)| Some((is_new(*name)?, turn))) {
        let (at, detail) = (fact.at, said(fact));
        info!(namespace, run = name, experiment, %at, detail, "{turn}");
    }
    if let Some((guard, detail)) = waited_for(status)
        .filter(|now| earlier.and_then(waited_for).is_none_or(|then| then.0 != now.0))
    {
        info!(namespace, run = name, experiment, guard, detail, "waiting");
    }
    let problem = |status: &ExperimentRunStatus| status.revert_problem.clone();
    if let Some(problem) = problem(status).filter(|_| earlier.and_then(problem).is_none()) {
        warn!(namespace, run = name, experiment, problem, "the revert fails");
    }
    if let Some(fact) = is_new(FactName::Completed) {
        let verdict = status.verdict.map(|verdict| verdict.to_string());
        let reason = status.reason.map(|reason| reason.to_string());
        let summary = text(&status.summary);
        info!(namespace, run = name, experiment, at = %fact.at, verdict, reason, summary, "complete");
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        api::run::{Guard, GuardResult, Verdict},
        core::{
            decide::tests::status, guards::abort::tests::plan, outcome::conditions::update,
            signals::pods::tests::at,
        },
    };

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The fields of every line that is logged at these versions of a run, as the operator prints them.
    fn logged(versions: &[ExperimentRun]) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            for (index, run) in versions.iter().enumerate() {
                log(index.checked_sub(1).map(|before| &versions[before]), run);
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let fields = |line| serde_json::from_str::<Value>(line).unwrap()["fields"].clone();
        text.lines().map(fields).collect()
    }

    #[test]
    fn a_run_has_one_line_at_each_turn_of_its_life() {
        use FactName::{
            Accepted, Completed, Injected, Journaled, Restored, RevertStarted, Reverted,
        };
        let plan = plan(&json!({}));
        let order = [Accepted, Journaled, Injected, Restored, RevertStarted, Reverted, Completed];
        let version = |count: usize, waiting: Option<Guard>| {
            let facts: Vec<_> = order[..count].iter().map(|name| (*name, 0.0)).collect();
            let spec = serde_json::from_value(json!({"experiment": "x"})).unwrap();
            let mut run = ExperimentRun::new("x-1", spec);
            run.metadata.namespace = Some("shop".to_owned());
            let mut status = status(&plan, &facts);
            if count == order.len() {
                status.verdict = Some(Verdict::Passed);
            }
            let guard =
                waiting.map(|name| GuardResult { name, passed: false, detail: "why".to_owned() });
            update(&mut status, guard.as_ref(), Some(1), at(0.0));
            run.status = Some(status);
            run
        };
        let mut versions = vec![
            version(1, Some(Guard::Steady)),
            version(1, Some(Guard::Steady)),
            version(1, Some(Guard::AlertsQuiet)),
        ];
        versions.extend((2..=order.len()).map(|count| version(count, None)));
        let logged = logged(&versions);
        let told: Vec<_> = logged
            .iter()
            .map(|line| {
                format!(
                    "{} {}",
                    line["message"].as_str().unwrap(),
                    line["guard"].as_str().unwrap_or("")
                )
            })
            .collect();
        let turns = [
            "accepted ",
            "waiting Steady",
            "waiting AlertsQuiet",
            "journaled ",
            "injected ",
            "reverting ",
            "reverted ",
            "complete ",
        ];
        assert_eq!(told, turns);
        for line in &logged {
            let of = (&line["namespace"], &line["run"], &line["experiment"]);
            assert_eq!(of, (&json!("shop"), &json!("x-1"), &json!("x")));
        }
        assert_eq!(logged.last().unwrap()["verdict"], "Passed");
    }
}
