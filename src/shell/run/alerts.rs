//! Asks the alert sources once a second while a run is under way.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::registry::Lookout;
use crate::{
    api::{Duration, ExperimentRun},
    config::Endpoint,
    core::alerts::{AlertReport, Channel},
    detectors::{self, Poll, Source},
    shell::context::Context,
};

/// How often a source is asked; the stamps in its answers are exact, so this is for those who look on.
const EVERY: Duration = Duration::seconds(1);

/// One task per configured source.
pub fn poll(
    context: &Arc<Context>,
    lookout: &Arc<Lookout>,
    run: &Arc<ExperimentRun>,
) -> Vec<BoxFuture<'static, ()>> {
    let ask = |(source, endpoint)| -> BoxFuture<'static, ()> {
        let share = (context.clone(), lookout.clone(), run.clone());
        Box::pin(poll_source(share, source, endpoint))
    };
    detectors::configured(&context.config).into_iter().map(ask).collect()
}

type Shared = (Arc<Context>, Arc<Lookout>, Arc<ExperimentRun>);

async fn poll_source((context, lookout, run): Shared, source: &'static Source, endpoint: Endpoint) {
    let mut ticks = interval_at(Instant::now(), EVERY.std());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut rules, mut previous) = (Vec::new(), None);
    loop {
        ticks.tick().await;
        if let Some(read) = source.rules.filter(|_| rules.is_empty()) {
            let told = context.net.get_json(&endpoint, (source.check)()).await;
            rules = told.and_then(|told| read(&told)).unwrap_or_default();
        }
        let now = lookout.clock.now();
        let poll = Poll { now, since: lookout.read(|signals| signals.alerts_since).0, previous };
        let answer = context.net.get_json(&endpoint, (source.alerts)(&poll)).await;
        let seen = answer.and_then(|answer| (source.read)(answer, &poll, &rules));
        previous = seen.is_ok().then_some(now);
        take_up(&context, &lookout, &run, source.channel, seen, &poll);
    }
}

/// Notes what a source said, or that it did not answer.
fn take_up(
    context: &Context,
    lookout: &Lookout,
    run: &ExperimentRun,
    channel: Channel,
    seen: Result<Vec<AlertReport>, String>,
    poll: &Poll,
) {
    let alert_filter = lookout.alert_filter(context.config.alert_labels());
    let concerns = |report: &AlertReport| {
        alert_filter.is_some_and(|alert_filter| alert_filter.concerns(report))
    };
    let (changed, _) = lookout.see(|signals| {
        let before = signals.alerts.state();
        match seen {
            Ok(reports) => {
                signals.alerts.replace(channel, reports, concerns);
                signals.alerts.answered(channel, poll.since, poll.now);
            }
            Err(error) => signals.alerts.failed(channel, error),
        }
        before != signals.alerts.state()
    });
    if changed {
        context.trigger(run);
    }
}
