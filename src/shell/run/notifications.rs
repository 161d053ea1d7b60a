//! Receives the notifications of alert sources: an answer of 200 means that every run which is concerned has it in its
//! status; 503 asks the sender to try again.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use futures::future::join_all;
use tokio::time::{Instant, timeout};

use super::registry::Lookout;
use crate::{
    api::Moment,
    config::AlertLabels,
    core::{
        alerts::{AlertReport, KEPT_MAX},
        span::crop,
    },
    detectors::{self, Push},
    shell::{
        context::Context,
        port::{Bodies, Bounds, again},
    },
};

/// The longest words about a notification that cannot be read.
const SAID_MAX: usize = 512;

/// Who receives notifications.
struct Receiver {
    context: Arc<Context>,
    bodies: Bodies,
    bounds: Bounds,
}

/// What a notification tells one run.
struct News {
    lookout: Arc<Lookout>,
    received: Moment,
    reports: Vec<AlertReport>,
    /// Whether more of its alerts concern the run than are kept.
    is_cut: bool,
}

/// One per source that notifies, such as `/v1/alertmanager`.
pub fn routes(context: Arc<Context>, bounds: Bounds) -> Router {
    let route = |routes: Router<_>, push: Push| {
        let receive = move |State(receiver): State<Arc<Receiver>>, body: Body| async move {
            receiver.receive(push, body).await
        };
        routes.route(push.route, post(receive))
    };
    let receiver = Receiver { context, bodies: Bodies::new(bounds), bounds };
    detectors::pushes().fold(Router::new(), route).with_state(Arc::new(receiver))
}

impl Receiver {
    async fn receive(&self, push: Push, body: Body) -> Response {
        let (body, room) = match self.bodies.read(body).await {
            Ok(read) => read,
            Err(refusal) => return refusal.into_response(),
        };
        let context = self.context.clone();
        // Beside the runtime's one thread: no probe may wait while thousands of alerts are read.
        let read = tokio::task::spawn_blocking(move || {
            let runs = context.registry.lookouts();
            let news = news(push, &body, runs, context.config.alert_labels());
            drop((body, room));
            news
        });
        let news = match read.await {
            Ok(Ok(news)) => news,
            Ok(Err(error)) => {
                // It may quote what it could not read.
                let said = crop(error, SAID_MAX);
                return (StatusCode::BAD_REQUEST, format!("{said}\n")).into_response();
            }
            Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        };
        if self.persist(news).await {
            StatusCode::OK.into_response()
        } else {
            again("a run's status could not be written in time")
        }
    }

    /// Hands the alerts to the runs that they concern and waits until they are written down.
    async fn persist(&self, news: Vec<News>) -> bool {
        let began = Instant::now();
        let written = join_all(news.into_iter().map(|news| self.hand_over(news))).await;
        tracing::debug!(runs = written.len(), waited = ?began.elapsed(), "notification");
        written.into_iter().all(|written| written)
    }

    async fn hand_over(&self, News { lookout, reports, is_cut, .. }: News) -> bool {
        let (namespace, run) = &lookout.run;
        if is_cut {
            tracing::warn!(namespace, run, "more alerts concern this run than are kept");
        }
        let ((), version) = lookout.see(|signals| {
            for report in reports {
                signals.alerts.report(report);
            }
            if is_cut {
                signals.alerts.overlook();
            }
        });
        self.context.runs.request(namespace, run);
        let mut persisted = lookout.persisted.subscribe();
        let reached = persisted.wait_for(|reached| *reached >= version);
        matches!(timeout(self.bounds.written_within, reached).await, Ok(Ok(_)))
    }
}

/// What the notification tells each of the runs that it concerns; of its other alerts nothing is kept.
fn news(
    push: Push,
    body: &[u8],
    runs: Vec<Arc<Lookout>>,
    labels: AlertLabels<'_>,
) -> Result<Vec<News>, String> {
    let none = |lookout: Arc<Lookout>| {
        let received = lookout.clock.now();
        News { lookout, received, reports: Vec::new(), is_cut: false }
    };
    let mut news: Vec<News> = runs.into_iter().map(none).collect();
    let left_out = (push.read)(body, &mut |report| {
        for news in &mut news {
            news.take_up(&report, labels);
        }
    })?;
    if left_out > 0 {
        tracing::warn!(alerts = left_out, "alerts are left out as their labels are too long");
    }
    news.retain(|news| !news.reports.is_empty());
    Ok(news)
}

impl News {
    fn take_up(&mut self, report: &AlertReport, labels: AlertLabels<'_>) {
        let alert_filter = self.lookout.alert_filter(labels);
        if !alert_filter.is_some_and(|alert_filter| alert_filter.concerns(report)) {
            return;
        }
        if self.reports.len() < KEPT_MAX {
            self.reports.push(report.clone().delivered(self.received));
        } else {
            self.is_cut = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::Request;
    use kube::Client;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;
    use crate::{
        config::Config,
        core::{decide::Subject, guards::abort::tests::plan, signals::Signals},
        shell::{
            clock::Wall,
            controller::informer,
            net::Sockets,
            port::BOUNDS,
            run::{events::Events, registry::Registry, services::Services, starts::Starts},
        },
    };

    /// An operator that talks to nobody and looks at one run, which expects the alert `Expected` and ends at `Bad`.
    fn operator() -> (Arc<Context>, Arc<Lookout>) {
        let nobody = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("nobody"))
        });
        let client = Client::new(nobody, "default");
        let run = json!({"apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
            "metadata": {"name": "run", "namespace": "shop"}, "spec": {"experiment": "kill"}});
        let run = serde_json::from_value(run).unwrap();
        let plan = plan(&json!({"abortOn": ["{alertname=\"Bad\"}"]}));
        let clock = Wall::machine().clock();
        let signals = Signals::new(Some(&plan.spec), clock.now());
        let lookout = Lookout::new(signals, Some(Arc::new(plan)), &run, clock);
        let registry = Registry::default();
        let entry = registry.insert("uid", lookout, Subject::Missing("kill".to_owned()));
        let context = Context {
            events: Events::new(client.clone()),
            reads: client.clone(),
            writes: client,
            impersonates: true,
            wall: Wall::machine(),
            config: Arc::new(Config::default()),
            net: Arc::new(Sockets::new(&[]).unwrap()),
            registry,
            lever: tokio::sync::watch::channel(None).1,
            runs: informer().0,
            experiments: informer().0,
            own_namespace: None,
            services: Services::default(),
            starts: Starts::default(),
        };
        (Arc::new(context), entry.lookout.clone())
    }

    /// The status of the answer to a notification of these alerts.
    async fn answer(context: &Arc<Context>, bounds: Bounds, alerts: Value) -> u16 {
        let body = json!({"version": "4", "alerts": alerts}).to_string();
        post(context, bounds, body).await.status().as_u16()
    }

    async fn post(context: &Arc<Context>, bounds: Bounds, body: String) -> Response {
        let push = detectors::pushes().next().unwrap();
        let request = Request::post(push.route).body(Body::from(body)).unwrap();
        routes(context.clone(), bounds).oneshot(request).await.unwrap()
    }

    fn firing(name: &str, instance: usize) -> Value {
        json!({"status": "firing", "startsAt": "2026-11-24T10:00:00Z", "fingerprint": "f00d",
            "labels": {"alertname": name, "instance": instance.to_string()}})
    }

    fn kept(lookout: &Lookout) -> usize {
        lookout.read(|signals| signals.alerts.state().0).0
    }

    #[tokio::test]
    async fn a_notification_is_answered_once_it_is_written_down_and_of_its_other_alerts_nothing_is_kept()
     {
        let (context, lookout) = operator();
        let alerts = json!([firing("Other", 0), firing("Expected", 0), firing("Bad", 0)]);
        let waiting = context.clone();
        let answered = tokio::spawn(async move { answer(&waiting, BOUNDS, alerts).await });
        while kept(&lookout) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(kept(&lookout), 2);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!answered.is_finished(), "it is in nobody's status yet");
        let ((), version) = lookout.read(|_| ());
        lookout.persisted.send_replace(version);
        assert_eq!(answered.await.unwrap(), 200);
    }

    #[tokio::test]
    async fn one_that_is_not_written_down_in_time_is_to_be_sent_again_and_one_that_concerns_nobody_is_not()
     {
        let (context, _lookout) = operator();
        let bounds = Bounds { written_within: Duration::from_millis(20), ..BOUNDS };
        assert_eq!(answer(&context, bounds, json!([firing("Expected", 0)])).await, 503);
        assert_eq!(answer(&context, bounds, json!([firing("Other", 0)])).await, 200);
        assert_eq!(answer(&context, bounds, json!([])).await, 200);
    }

    #[tokio::test]
    async fn a_notification_that_cannot_be_read_to_its_end_tells_nothing() {
        let (context, lookout) = operator();
        assert_eq!(answer(&context, BOUNDS, json!([firing("Expected", 0), {}])).await, 400);
        assert_eq!(kept(&lookout), 0);
        let endless = json!({"version": "x".repeat(1 << 20), "alerts": []}).to_string();
        let refused = post(&context, BOUNDS, endless).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        let said = axum::body::to_bytes(refused.into_body(), 1 << 20).await.unwrap();
        assert!(said.len() < 1_000, "it quotes {} bytes", said.len());
    }

    #[tokio::test]
    async fn of_thousands_of_alerts_that_concern_a_run_so_many_are_kept_and_it_is_known_that_there_were_more()
     {
        let (context, lookout) = operator();
        let bounds = Bounds { written_within: Duration::from_millis(20), ..BOUNDS };
        let expected = |count| (0..count).map(|number| firing("Expected", number)).collect();
        answer(&context, bounds, expected(KEPT_MAX)).await;
        assert!(!lookout.read(|signals| signals.alerts.has_overlooked()).0);
        answer(&context, bounds, expected(5_000)).await;
        assert_eq!(kept(&lookout), KEPT_MAX);
        assert!(lookout.read(|signals| signals.alerts.has_overlooked()).0);
    }
}
