//! Asks the alert sources once a second while a run is under way.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::registry::Lookout;
use crate::{
    api::{Duration, ExperimentRun, Moment},
    config::Endpoint,
    core::alarms::{Channel, Sighting},
    detectors::{alertmanager, prometheus},
    shell::Context,
};

/// How often a source is asked; the stamps in its answers are exact, so this is for those who look on.
const EVERY: Duration = Duration::seconds(1);

/// One task per configured source.
pub fn poll(
    context: &Arc<Context>,
    lookout: &Arc<Lookout>,
    run: &Arc<ExperimentRun>,
) -> Vec<BoxFuture<'static, ()>> {
    let mut tasks: Vec<BoxFuture<'static, ()>> = Vec::new();
    let share = || (context.clone(), lookout.clone(), run.clone());
    if let Some(endpoint) = context.config.prometheus.clone() {
        tasks.push(Box::pin(poll_prometheus(share(), endpoint)));
    }
    if let Some(alertmanager) = &context.config.alertmanager {
        tasks.push(Box::pin(poll_alertmanager(share(), alertmanager.endpoint())));
    }
    tasks
}

type Shared = (Arc<Context>, Arc<Lookout>, Arc<ExperimentRun>);

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval_at(Instant::now(), EVERY.std());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

async fn poll_prometheus((context, lookout, run): Shared, endpoint: Endpoint) {
    let (mut ticks, mut previous) = (ticks(), None);
    let mut intervals = prometheus::Intervals::new();
    loop {
        ticks.tick().await;
        if intervals.is_empty() {
            let parameters = prometheus::rules_query();
            let rules = context.net.get_json(&endpoint, prometheus::RULES, &parameters).await;
            intervals = rules.map(|rules| prometheus::read_intervals(&rules)).unwrap_or_default();
        }
        let asked = lookout.clock.now();
        let since = lookout.read(|sight| sight.alerts_since).0;
        let query = prometheus::query(Duration::between(since, asked));
        let parameters = [("query", query)];
        let answer = context.net.get_json(&endpoint, prometheus::QUERY, &parameters).await;
        let seen = answer.and_then(|answer| {
            prometheus::read(answer, &intervals, asked, previous).map_err(|error| error.to_string())
        });
        previous = seen.is_ok().then_some(asked);
        take_up(&context, &lookout, &run, Channel::Prometheus, seen, (since, asked));
    }
}

async fn poll_alertmanager((context, lookout, run): Shared, endpoint: Endpoint) {
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        let asked = lookout.clock.now();
        let answer: Result<Value, String> =
            context.net.get_json(&endpoint, alertmanager::ALERTS, &[]).await;
        let seen = answer.and_then(|answer| {
            alertmanager::read_alerts(answer).map_err(|error| error.to_string())
        });
        take_up(&context, &lookout, &run, Channel::Alertmanager, seen, (asked, asked));
    }
}

/// Notes what a source said, or that it did not answer.
fn take_up(
    context: &Context,
    lookout: &Lookout,
    run: &ExperimentRun,
    channel: Channel,
    seen: Result<Vec<Sighting>, String>,
    (since, asked): (Moment, Moment),
) {
    let watcher = lookout.watcher(context.config.namespace_label());
    let concerns = |sighting: &Sighting| watcher.is_some_and(|watcher| watcher.concerns(sighting));
    let (changed, _) = lookout.see(|sight| {
        let before = sight.book.state();
        match seen {
            Ok(sightings) => {
                sight.book.replace(channel, sightings, concerns);
                match channel {
                    Channel::Prometheus => sight.book.prometheus_answered(since, asked),
                    _ => sight.book.alertmanager_answered(asked),
                }
            }
            Err(error) => sight.book.failed(channel, error),
        }
        before != sight.book.state()
    });
    if changed {
        context.trigger(run);
    }
}
