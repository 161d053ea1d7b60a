//! Gives each run what the alert sources tell it. They are asked for all runs at once, in `poll`.

mod poll;

pub use poll::Polls;

use std::sync::Arc;

use futures::future::BoxFuture;

use super::registry::Lookout;
use crate::{
    api::ExperimentRun,
    config::Endpoint,
    core::alerts::{Channel, Heard},
    detectors::{self, Alert, Poll, Source},
    shell::context::Context,
};

/// One task per configured source.
pub fn follow(
    context: &Arc<Context>,
    lookout: &Arc<Lookout>,
    run: &Arc<ExperimentRun>,
) -> Vec<BoxFuture<'static, ()>> {
    let follow = |(source, endpoint)| -> BoxFuture<'static, ()> {
        let share = (context.clone(), lookout.clone(), run.clone());
        Box::pin(follow_source(share, source, endpoint))
    };
    detectors::configured(&context.config).into_iter().map(follow).collect()
}

type Shared = (Arc<Context>, Arc<Lookout>, Arc<ExperimentRun>);

async fn follow_source(
    (context, lookout, run): Shared,
    source: &'static Source,
    endpoint: Endpoint,
) {
    let mut listener = context.polls.join(&context, source, endpoint, &lookout);
    let mut previous = None;
    while let Some(reply) = listener.next().await {
        let now = lookout.clock.at(reply.asked);
        let since = lookout.read(|signals| signals.alerts_since).0.max(now.minus(reply.back));
        let poll = Poll { now, since, previous };
        let heard = match reply.told.clone() {
            Ok(alerts) => {
                let (count, context, lookout) = (alerts.len(), context.clone(), lookout.clone());
                listener.read(count, move || hear(&context, &lookout, &alerts, &poll)).await
            }
            Err(error) => Err(error),
        };
        previous = heard.is_ok().then_some(now);
        if take_up(&lookout, source.channel, heard, &poll) {
            context.trigger(&run);
        }
    }
}

/// What of the alerts of an answer is for this run.
fn hear(context: &Context, lookout: &Lookout, alerts: &[Box<dyn Alert>], poll: &Poll) -> Heard {
    let mut heard = Heard::default();
    if let Some(alert_filter) = lookout.alert_filter(context.config.alert_labels()) {
        for alert in alerts {
            heard.take(&alert_filter, alert.labels(), || alert.report(poll));
        }
    }
    heard
}

/// Notes what a source said, or that it did not answer; gives whether that is news.
fn take_up(lookout: &Lookout, channel: Channel, heard: Result<Heard, String>, poll: &Poll) -> bool {
    let (changed, _) = lookout.see(|signals| {
        let before = signals.alerts.state();
        match heard {
            Ok(heard) => {
                signals.alerts.replace(channel, heard);
                signals.alerts.answered(channel, poll.since, poll.now);
            }
            Err(error) => signals.alerts.failed(channel, error),
        }
        before != signals.alerts.state()
    });
    changed
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{net::SocketAddr, sync::Mutex, time::Duration};

    use serde_json::{json, value::RawValue};
    use tokio::{
        task::AbortHandle,
        time::{Instant, sleep},
    };

    use super::*;
    use crate::{
        api::Moment,
        config::Config,
        core::{
            guards::abort::tests::plan,
            plan::Plan,
            signals::{Signals, pods::tests::at},
        },
        detectors::Question,
        shell::{
            clock::Wall,
            context::tests::context,
            net::{Net, ProbeError},
        },
    };

    /// Alert sources that tell of one alert, or of nothing.
    pub struct Network {
        asked: Mutex<Vec<(Instant, &'static str, String)>>,
        /// The names of the alerts that are on in namespace shop; absent where they do not answer.
        alerts: Mutex<Option<Vec<&'static str>>>,
        takes: Duration,
    }

    impl Net for Network {
        fn http_probe<'a>(
            &'a self,
            _: SocketAddr,
            _: &'a str,
            _: &'a str,
            _: Duration,
        ) -> BoxFuture<'a, Result<(), ProbeError>> {
            Box::pin(std::future::pending())
        }

        fn tcp_probe(&self, _: SocketAddr, _: Duration) -> BoxFuture<'_, Result<(), ProbeError>> {
            Box::pin(std::future::pending())
        }

        fn get_json<'a>(
            &'a self,
            _: &'a Endpoint,
            question: Question,
        ) -> BoxFuture<'a, Result<Box<RawValue>, String>> {
            let query = question.query.first().map(|(_, text)| text.clone()).unwrap_or_default();
            self.asked.lock().unwrap().push((Instant::now(), question.path, query));
            let alerts = self.alerts.lock().unwrap().clone();
            let answer = alerts.ok_or_else(|| "refused".to_owned());
            Box::pin(async move {
                sleep(self.takes).await;
                let answer = answer?;
                let told = |name: &&str| {
                    json!({"labels": {"alertname": name, "namespace": "shop"}, "fingerprint": "f",
                        "startsAt": "2026-11-24T10:00:00Z", "status": {"state": "active"}})
                };
                let answer = match question.path {
                    "/api/v2/alerts" => answer.iter().map(told).collect(),
                    "/api/v1/rules" => json!({"data": {"groups": [
                        {"interval": 5, "rules": [{"name": "Expected"}]}]}}),
                    _ => json!({"data": {"result": []}}),
                };
                Ok(serde_json::value::to_raw_value(&answer).unwrap())
            })
        }
    }

    pub struct World {
        net: Arc<Network>,
        pub context: Arc<Context>,
        plan: Arc<Plan>,
    }

    /// A run that listens until this is dropped.
    struct Listening(Arc<Lookout>, Vec<AbortHandle>);

    impl Drop for Listening {
        fn drop(&mut self) {
            self.1.iter().for_each(AbortHandle::abort);
        }
    }

    impl World {
        pub fn new(takes: Duration) -> Self {
            let alerts = Mutex::new(Some(vec!["Expected"]));
            let net = Arc::new(Network { asked: Mutex::default(), alerts, takes });
            let config =
                json!({"prometheus": {"url": "http://p"}, "alertmanager": {"url": "http://a"}});
            let config: Config = serde_json::from_value(config).unwrap();
            let began = Instant::now();
            let wall = Wall::of(move || at(0.0) + began.elapsed().into());
            let context = Arc::new(Context { wall, ..context(config, net.clone()) });
            Self { net, context, plan: Arc::new(plan(&json!({}))) }
        }

        /// A run of that namespace begins to listen.
        fn run(&self, namespace: &str) -> Listening {
            let mut run = ExperimentRun::new("r", crate::api::ExperimentRunSpec::of("e"));
            run.metadata.namespace = Some(namespace.to_owned());
            let clock = self.context.wall.clock();
            let mut signals = Signals::new(Some(&self.plan.spec), clock.now());
            signals.alerts = detectors::history(&self.context.config);
            let lookout = Arc::new(Lookout::new(signals, Some(self.plan.clone()), &run, clock));
            let tasks = follow(&self.context, &lookout, &Arc::new(run));
            let tasks = tasks.into_iter().map(|task| tokio::spawn(task).abort_handle());
            Listening(lookout, tasks.collect())
        }

        /// How many questions went to each path.
        pub fn asked(&self) -> [usize; 3] {
            let asked = self.net.asked.lock().unwrap();
            ["/api/v1/rules", "/api/v1/query", "/api/v2/alerts"]
                .map(|path| asked.iter().filter(|(_, other, _)| *other == path).count())
        }

        pub fn answer(&self, alerts: Option<&[&'static str]>) {
            *self.net.alerts.lock().unwrap() = alerts.map(<[_]>::to_vec);
        }
    }

    impl Listening {
        /// How many alerts it knows, how many of those are on, how many sources it has heard of and which failed.
        fn state(&self) -> (usize, usize, usize, usize) {
            self.0.read(|signals| signals.alerts.state()).0
        }

        fn covers(&self, from: Moment, to: Moment) -> bool {
            self.0.read(|signals| signals.alerts.covers(from, to)).0
        }

        fn began(&self) -> Moment {
            self.0.read(|signals| signals.since).0
        }
    }

    const SHORT: Duration = Duration::from_millis(10);

    #[tokio::test(start_paused = true)]
    async fn each_source_is_asked_once_a_second_however_many_runs_hear_it_and_only_while_one_does()
    {
        for count in [1, 20, 200] {
            let world = World::new(SHORT);
            sleep(Duration::from_secs(5)).await;
            assert_eq!(world.asked(), [0, 0, 0], "nobody listens");
            let mut runs: Vec<_> = (0..count).map(|_| world.run("shop")).collect();
            sleep(Duration::from_millis(9500)).await;
            assert_eq!(world.asked(), [1, 10, 10], "{count} runs");
            for run in &runs {
                assert_eq!(run.state(), (1, 1, 2, 0));
            }
            let last = runs.pop();
            drop(runs);
            sleep(Duration::from_secs(5)).await;
            assert_eq!(world.asked(), [1, 15, 15], "one of {count} is left");
            drop(last);
            sleep(Duration::from_secs(5)).await;
            assert_eq!(world.asked(), [1, 15, 15], "nobody is left of {count}");
            let _again = world.run("shop");
            sleep(SHORT).await;
            assert_eq!(world.asked()[2], 16, "whoever comes then asks at once");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_hears_no_answer_to_what_was_asked_before_it_began_and_the_rules_are_asked_for_anew()
     {
        let world = World::new(Duration::from_millis(300));
        let first = world.run("shop");
        sleep(Duration::from_millis(5500)).await;
        assert_eq!(first.state(), (1, 1, 2, 0));
        assert_eq!(world.asked()[0], 1);
        sleep(Duration::from_millis(600)).await;
        // It begins while an answer is on its way.
        let second = world.run("shop");
        let asked = world.asked();
        sleep(Duration::from_millis(500)).await;
        assert_eq!((second.state(), world.asked()), ((0, 0, 0, 0), asked), "that is not for it");
        sleep(Duration::from_millis(2500)).await;
        assert_eq!((second.state(), world.asked()[0]), ((1, 1, 2, 0), 2));
        let (began, now) = (second.began(), second.0.clock.now());
        let before = began.minus(crate::api::Duration::millis(1));
        assert!(!second.covers(before, before), "there is no word of what was before it");
        let soon = began + crate::api::Duration::seconds(1);
        assert!(first.covers(before, soon) && second.covers(began, soon), "{began} to {now}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_fails_fails_for_every_run_and_what_it_no_longer_names_is_over_for_each()
    {
        let world = World::new(SHORT);
        let runs: Vec<_> = (0..200).map(|_| world.run("shop")).collect();
        for (alerts, expected) in [
            (Some(&["Expected", "Other"][..]), (2, 2, 2, 0)),
            (None, (2, 2, 2, 2)),
            (Some(&["Other"]), (2, 1, 2, 0)),
            (Some(&[]), (2, 0, 2, 0)),
        ] {
            world.answer(alerts);
            sleep(Duration::from_secs(2)).await;
            assert!(runs.iter().all(|run| run.state() == expected), "{alerts:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_is_asked_for_the_namespaces_of_all_runs_and_the_longest_time_and_each_hears_its_own()
     {
        let world = World::new(SHORT);
        let old = world.run("shop");
        sleep(Duration::from_millis(100_500)).await;
        let new = world.run("edge");
        sleep(Duration::from_secs(1)).await;
        {
            let asked = world.net.asked.lock().unwrap();
            let query = |path: &str| {
                let last = asked.iter().rfind(|(_, other, _)| *other == path);
                last.map(|(_, _, query)| query.clone()).unwrap()
            };
            assert_eq!(query("/api/v2/alerts"), r#"namespace=~"|edge|shop""#);
            assert!(query("/api/v1/query").ends_with(r#",namespace=~"|edge|shop"}[102s]"#));
        }
        assert_eq!((old.state(), new.state()), ((1, 1, 2, 0), (0, 0, 2, 0)));
        assert!(old.covers(old.began(), new.began()) && !new.covers(old.began(), new.began()));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_long_to_read_an_answer_delays_neither_the_poll_nor_other_namespaces() {
        let world = World::new(SHORT);
        world.answer(Some(&["Expected"; 300]));
        let turn = world.context.polls.turn("shop");
        let held = turn.lock().await;
        let (slow, other) = (world.run("shop"), world.run("edge"));
        sleep(Duration::from_millis(4500)).await;
        assert_eq!(slow.state().2, 1, "it waits for its turn to read the long answer");
        assert_eq!((other.state().2, world.asked()), (2, [1, 5, 5]));
        drop(held);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(slow.state(), (1, 1, 2, 0));
    }
}
