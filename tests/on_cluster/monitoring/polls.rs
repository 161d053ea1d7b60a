//! How often the sources are asked: as often for many runs as for one, and not at all for none.

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::support::{Ground, Operator, delete, eventually};
use firedrill::api::{
    ExperimentRun,
    run::{Guard, condition},
};
use kube::{ResourceExt, api::ListParams};
use serde_json::json;

/// An Alertmanager without alerts that counts its requests.
struct Counting {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl Counting {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, requests) =
            (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&requests);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = [0; 4096];
                let length = stream.read(&mut head).unwrap_or(0);
                if head[..length].starts_with(b"GET /api/v2/alerts") {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n[]";
                stream.write_all(answer.as_bytes()).ok();
            }
        });
        Self { port, requests }
    }

    /// How many requests this and Prometheus have had so far, the latter by its own metrics.
    fn asked(&self) -> [usize; 2] {
        let metrics =
            Command::new("curl").args(["-sf", "http://127.0.0.1:9090/metrics"]).output().unwrap();
        let metrics = String::from_utf8(metrics.stdout).unwrap();
        let queries = metrics.lines().filter(|line| {
            line.starts_with("prometheus_http_requests_total{")
                && line.contains("handler=\"/api/v1/query\"")
        });
        let number = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap();
        [self.requests.load(Ordering::Relaxed), queries.map(number).sum()]
    }

    /// How many more they have within ten seconds.
    async fn in_ten_seconds(&self) -> [usize; 2] {
        let before = self.asked();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let after = self.asked();
        [after[0] - before[0], after[1] - before[1]]
    }
}

#[tokio::test]
async fn twenty_runs_ask_the_sources_as_often_as_one_and_none_asks_nobody() {
    let ground = Ground::new("polls").await;
    let counting = Counting::start();
    let sources = format!(
        "{{prometheus: {{url: 'http://127.0.0.1:9090'}}, alertmanager: {{url: 'http://127.0.0.1:{}'}}}}",
        counting.port
    );
    let _operator = Operator::start(&sources);
    assert_eq!(counting.in_ten_seconds().await, [0, 0], "there is no run yet");
    let runs = ground.api::<ExperimentRun>();
    let mut figures = Vec::new();
    for count in [1, 20] {
        while runs.list(&ListParams::default()).await.unwrap().items.len() < count {
            let waits = json!({"startWithin": "10m", "template": {"guards": {"steadyFor": "9m"}}});
            ground.run(waits).await;
        }
        eventually("all of them wait for their steady state", 30, async || {
            let waits = |run: &ExperimentRun| {
                let conditions = run.status.iter().flat_map(|status| &status.conditions);
                conditions.into_iter().any(|found| {
                    found.type_ == condition::INJECTED && found.reason == Guard::Steady.to_string()
                })
            };
            let all = runs.list(&ListParams::default()).await.ok()?.items;
            all.iter().all(waits).then_some(())
        })
        .await;
        figures.push(counting.in_ten_seconds().await);
    }
    println!("requests to Alertmanager and Prometheus in 10 s, by 1 and by 20 runs: {figures:?}");
    for asked in figures.iter().flatten() {
        assert!((9..=11).contains(asked), "{figures:?}");
    }
    for run in runs.list(&ListParams::default()).await.unwrap() {
        delete(&runs, &run.name_any()).await;
    }
    eventually("every run is gone", 30, async || {
        runs.list(&ListParams::default()).await.ok()?.items.is_empty().then_some(())
    })
    .await;
    assert_eq!(counting.in_ten_seconds().await, [0, 0], "there is no run any more");
}
