//! The guards that ask the alert sources.

use super::{Scene, result};
use crate::{
    api::run::{Guard, GuardResult},
    config::Config,
    core::abort,
};

pub(super) fn quiet(scene: &Scene<'_>) -> GuardResult {
    let book = &scene.sight.book;
    let sources = sources(scene.config);
    let noisy = book.noisy(&scene.watcher).map(|sighting| {
        let state = if sighting.firing.is_some() { "firing" } else { "pending" };
        let name = sighting.labels.get("alertname").map_or("an alert", String::as_str);
        let field = if scene.watcher.expects(sighting) { "" } else { " (guards.abortOn)" };
        format!("{name} is already {state}{field}")
    });
    let unasked =
        (book.asked() < sources).then(|| "the alert sources have not answered yet".to_owned());
    let unreachable = abort::unreachable(book);
    let watched = !scene.watcher.plan.spec.guards.abort_on.is_empty();
    let blind = (watched && sources > 0 && book.failures().len() == sources)
        .then(|| format!("{unreachable}, so nobody would see the alerts of guards.abortOn"));
    let refusal = noisy.or(unasked).or(blind);
    result(Guard::AlertsQuiet, refusal, || match (sources, unreachable.as_str()) {
        (0, _) => "no alert source is configured to be asked".to_owned(),
        (_, "") => "no matching alert pending or firing".to_owned(),
        (_, unreachable) => format!("{unreachable}; a miss may be Inconclusive"),
    })
}

/// How many alert sources are configured to be asked.
fn sources(config: &Config) -> usize {
    usize::from(config.prometheus.is_some()) + usize::from(config.alertmanager.is_some())
}

/// A guard that cannot see is no guard.
pub(super) fn abort_conditions(scene: &Scene<'_>) -> Option<GuardResult> {
    let words = abort::words(&scene.watcher.plan.spec.guards)?;
    let blind = !scene.watcher.plan.spec.guards.abort_on.is_empty() && sources(scene.config) == 0;
    let refusal = blind.then(|| {
        "guards.abortOn needs an alert source and the operator has none: configure prometheus.url or alertmanager.url, or remove guards.abortOn".to_owned()
    });
    Some(result(Guard::AbortConditions, refusal, || words))
}
