//! What the operator sees, before anything is broken, of what a run will need. It refuses nothing; `plan`,
//! `run`, `doctor` and the `Ready` condition show the same.

use serde_json::Value;

use super::{Context, run::observe};
use crate::{
    api::run::Warning,
    config::{Alertmanager, Endpoint},
    core::{alarms::Watcher, decide::Subject, guards, plan::Plan, rules, span::crop},
    detectors::{alertmanager, prometheus},
    faults,
};

/// How long a source may take: whoever starts a run waits for it.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(3);

/// For a run that is taken up in `namespace`. Without an experiment nothing but the installation can be
/// looked at, and all of it is; with one, the guards tell of the reaper.
pub async fn of_run(context: &Context, namespace: &str, subject: &Subject) -> Vec<Warning> {
    match subject {
        Subject::Valid { plan, .. } => of_plan(context, namespace, plan).await,
        Subject::Missing(_) | Subject::Invalid(_) => {
            let ((sources, _), reaper) = futures::join!(sources(context), reaper(context));
            sources.into_iter().chain(reaper).collect()
        }
    }
}

/// For an Experiment that is judged.
pub async fn of_experiment(context: &Context, namespace: &str, plan: &Plan) -> Vec<Warning> {
    let mut warnings = of_plan(context, namespace, plan).await;
    if faults::of(&plan.spec.fault).means.arming().is_some() {
        warnings.extend(reaper(context).await);
    }
    warnings
}

async fn of_plan(context: &Context, namespace: &str, plan: &Plan) -> Vec<Warning> {
    let (mut warnings, rules) = sources(context).await;
    let namespace_label = context.config.namespace_label();
    let watcher = Watcher { plan, namespace, namespace_label };
    warnings.extend(rules.iter().flat_map(|rules| rules::unmatched(&watcher, rules)));
    warnings.extend(plan.warnings());
    warnings
}

/// What is wrong with the alert sources, and the rules that Prometheus has, where it told.
async fn sources(context: &Context) -> (Vec<Warning>, Option<Vec<rules::Rule>>) {
    let config = &context.config;
    if config.prometheus.is_none() && config.alertmanager.is_none() {
        let nobody = "no alert source is configured: a miss will be Inconclusive".to_owned();
        return (vec![Warning { about: "config".to_owned(), message: nobody }], None);
    }
    let asked = prometheus::rules_query();
    let endpoint = config.alertmanager.as_ref().map(Alertmanager::endpoint);
    let (told, answer) = futures::join!(
        ask(context, config.prometheus.as_ref(), prometheus::RULES, &asked),
        ask(context, endpoint.as_ref(), alertmanager::STATUS, &[])
    );
    let told = told.map(|told| told.and_then(|answer| prometheus::read_rules(&answer)));
    let (rules, error) = match told {
        Some(Ok(rules)) => (Some(rules), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let silent = answer.and_then(Result::err);
    let warnings = [
        error.map(|error| unreachable("Prometheus", "prometheus", &error)),
        silent.map(|error| unreachable("Alertmanager", "alertmanager", &error)),
    ];
    (warnings.into_iter().flatten().collect(), rules)
}

async fn ask(
    context: &Context,
    endpoint: Option<&Endpoint>,
    path: &str,
    query: &[(&str, String)],
) -> Option<Result<Value, String>> {
    let answer = context.net.get_json(endpoint?, path, query);
    let late = |_| Err("timed out".to_owned());
    Some(tokio::time::timeout(WITHIN, answer).await.unwrap_or_else(late))
}

fn unreachable(name: &str, key: &str, error: &str) -> Warning {
    let message = format!(
        "{name} cannot be reached: {error}; the operator asks the {key}.url of its configuration"
    );
    Warning { about: format!("config.{key}"), message: crop(message, 1024) }
}

async fn reaper(context: &Context) -> Option<Warning> {
    let now = context.wall.now();
    let seen = observe::reaper_seen(context).await;
    guards::no_reaper(seen, now).map(|message| Warning { about: "reaper".to_owned(), message })
}
