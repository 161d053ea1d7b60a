//! The network beside the API server: probes of the service, and Prometheus' answers.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use firedrill::{
    config::Endpoint,
    detectors::{Question, prometheus},
    shell::net::{Net, ProbeError},
};
use futures::future::BoxFuture;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use tokio::sync::oneshot;

use super::{
    call::Caller,
    cluster::EVALUATED_EVERY,
    world::{Shared, World, lock, unix},
};

/// The network as one process sees it.
pub struct Network {
    pub world: Shared,
    pub caller: Caller,
}

impl Network {
    /// What the world says to a question, a few milliseconds later.
    fn ask<T: Send + 'static>(
        &self,
        about: &str,
        answer: impl FnOnce(&mut World) -> T + Send + 'static,
    ) -> BoxFuture<'static, T> {
        let (answered, answers) = oneshot::channel();
        let mut world = lock(&self.world);
        let rank = world.dice.number((about, self.caller, world.millis()));
        world.after(1 + rank % 5, rank, move |world| drop(answered.send(answer(world))));
        drop(world);
        Box::pin(async move {
            match answers.await {
                Ok(answer) => answer,
                Err(_) => std::future::pending().await,
            }
        })
    }

    fn probe(&self) -> BoxFuture<'static, Result<(), ProbeError>> {
        self.ask("probe", |world| {
            let refused = || ProbeError::Failed("connection refused".to_owned());
            world.is_serving().then_some(()).ok_or_else(refused)
        })
    }
}

impl Net for Network {
    fn http_probe<'a>(
        &'a self,
        _: SocketAddr,
        _: &'a str,
        _: &'a str,
        _: Duration,
    ) -> BoxFuture<'a, Result<(), ProbeError>> {
        self.probe()
    }

    fn tcp_probe(&self, _: SocketAddr, _: Duration) -> BoxFuture<'_, Result<(), ProbeError>> {
        self.probe()
    }

    fn get_json<'a>(
        &'a self,
        _: &'a Endpoint,
        question: Question,
    ) -> BoxFuture<'a, Result<Box<RawValue>, String>> {
        let range = question.query.first().and_then(|(_, query)| range(query));
        let rules = question.path == prometheus::RULES;
        let caller = self.caller;
        self.ask(question.path, move |world| {
            if world.goes_wrong(0.5, ("Prometheus", caller, world.millis())) {
                world.tally.count("Prometheus silent");
                return Err("HTTP 503".to_owned());
            }
            let seconds = Duration::from_millis(EVALUATED_EVERY).as_secs_f64();
            let answer = if rules {
                json!({"data": {"groups": [{"interval": seconds, "rules": [{"name": "Down"}]}]}})
            } else {
                json!({"data": {"result": world.alerts(range.unwrap_or_default())}})
            };
            to_raw_value(&answer).map_err(|error| error.to_string())
        })
    }
}

/// The milliseconds that a query looks back.
fn range(query: &str) -> Option<u64> {
    let (_, seconds) = query.rsplit_once('[')?;
    seconds.strip_suffix("s]")?.parse::<u64>().ok().map(|seconds| seconds * 1000)
}

impl World {
    /// The series of the alert over the last `range` milliseconds.
    fn alerts(&self, range: u64) -> Value {
        let now = self.millis();
        let mut series: BTreeMap<(&str, &str), Vec<Value>> = BTreeMap::new();
        for (at, since, firing) in self.evaluations(now.saturating_sub(range), now) {
            let state = if firing { "firing" } else { "pending" };
            let (at, since) = (unix(at), unix(since));
            series.entry(("ALERTS", state)).or_default().push(json!([at, "1"]));
            let since = since.floor().to_string();
            series.entry(("ALERTS_FOR_STATE", "")).or_default().push(json!([at, since]));
        }
        let one = |((name, state), values): ((&str, &str), Vec<Value>)| {
            let mut metric = json!({"__name__": name, "alertname": "Down", "namespace": "shop"});
            if !state.is_empty() {
                metric["alertstate"] = json!(state);
            }
            json!({"metric": metric, "values": values})
        };
        series.into_iter().map(one).collect()
    }
}
