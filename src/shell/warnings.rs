//! What the operator sees, before anything is broken, of what a run will need. It refuses nothing; `plan`,
//! `run`, `doctor` and the `Ready` condition show the same.

use std::sync::Arc;

use futures::future::join_all;

use super::run::observe;
use crate::{
    api::run::Warning,
    config::Endpoint,
    core::{
        alerts::{
            AlertFilter,
            rules::{self, Rule, Rules},
        },
        decide::Subject,
        guards,
        plan::Plan,
        span::crop,
    },
    detectors::{self, Source},
    faults,
    shell::context::Context,
};

/// What a warning about the chat is about.
pub const CHAT: &str = "config.chat";

/// How long a source may take: whoever starts a run waits for it.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(3);

/// For a run that is taken up in `namespace`. Without an experiment nothing but the installation can be
/// looked at, and all of it is; with one, the guards tell of the reaper.
pub async fn of_run(context: &Context, namespace: &str, subject: &Subject) -> Vec<Warning> {
    match subject {
        Subject::Valid { plan, .. } => of_plan(context, namespace, plan).await,
        Subject::Unjudgeable(_) => Vec::new(),
        Subject::Missing(_) | Subject::Changed(_) | Subject::Invalid(_) => {
            let asked = futures::join!(sources(context), reaper(context), chat(context));
            let ((sources, _), reaper, chat) = asked;
            sources.into_iter().chain(reaper).chain(chat).collect()
        }
    }
}

/// For an Experiment that is judged.
pub async fn of_experiment(context: &Context, namespace: &str, plan: &Plan) -> Vec<Warning> {
    let mut warnings = of_plan(context, namespace, plan).await;
    if faults::behaviour(&plan.spec.fault).means.arming().is_some() {
        warnings.extend(reaper(context).await);
    }
    warnings
}

async fn of_plan(context: &Context, namespace: &str, plan: &Plan) -> Vec<Warning> {
    let mut warnings = of_alerts(context, namespace, plan).await;
    warnings.extend(plan.warnings());
    warnings
}

/// What is wrong with the alert sources, and with the alerts that an experiment watches for.
pub async fn of_alerts(context: &Context, namespace: &str, plan: &Plan) -> Vec<Warning> {
    let (mut warnings, rules) = sources(context).await;
    let alert_filter = AlertFilter { plan, namespace, labels: context.config.alert_labels() };
    warnings.extend(rules.iter().flat_map(|rules| rules::unmatched(&alert_filter, rules)));
    warnings
}

/// What is wrong with the alert sources, and the rules of those that have any, where each of them told.
async fn sources(context: &Context) -> (Vec<Warning>, Option<Rules>) {
    let sources = detectors::configured(&context.config);
    if sources.is_empty() {
        let nobody = "no alert source is configured: a miss will be Inconclusive".to_owned();
        return (vec![Warning { about: "config".to_owned(), message: nobody }], None);
    }
    let answers = sources.iter().map(|(source, endpoint)| ask(context, source, endpoint));
    let (mut warnings, mut known, mut rules, mut is_whole) = (vec![], vec![], vec![], true);
    for ((source, _), answer) in sources.iter().zip(join_all(answers).await) {
        match answer {
            Ok(None) => {}
            Ok(Some(found)) => {
                known.push(source.channel.source);
                rules.extend(found.iter().cloned());
            }
            Err(error) => {
                is_whole &= source.rules.is_none();
                warnings.push(unreachable(source, &error));
            }
        }
    }
    let is_whole = is_whole && !known.is_empty();
    (warnings, is_whole.then(|| Rules { of: known.join(" or "), rules }))
}

/// Whether a source answers, and its rules where it has any.
async fn ask(
    context: &Context,
    source: &Source,
    endpoint: &Endpoint,
) -> Result<Option<Arc<Vec<Rule>>>, String> {
    let rules = context.checks.rules(&*context.net, source, endpoint);
    let late = |_| Err("timed out".to_owned());
    let rules = tokio::time::timeout(WITHIN, rules).await.unwrap_or_else(late)?;
    Ok(source.rules.map(|_| rules))
}

/// What is said of a source that did not answer.
#[must_use]
pub fn unreachable(source: &Source, error: &str) -> Warning {
    let (name, key) = (source.channel.source, source.channel.name);
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

/// Whether the configured chat takes connections; no message is sent.
async fn chat(context: &Context) -> Option<Warning> {
    let reached = context.net.reach_chat(context.config.chat.as_ref()?);
    let late = |_| Err("timed out".to_owned());
    let problem = tokio::time::timeout(WITHIN, reached).await.unwrap_or_else(late).err()?;
    let message = format!("the chat of game days cannot be reached: {problem}");
    Some(Warning { about: CHAT.to_owned(), message: crop(message, 1024) })
}
