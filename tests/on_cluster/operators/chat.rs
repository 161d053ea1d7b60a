//! People are told of a day in a chat, by a receiver that comes late and dies midway.

use std::sync::{Arc, Mutex};

use firedrill::api::game_day_run::{DayReason, Gate, Outcome};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::gamedays::{by_hand, outcome, over, plan, scheduled};

/// What nobody but the file of the URL is to tell.
const SECRET: &str = "T0P-S3CR3T";

/// A chat on a port of its own: what it was told, with the header of each message.
#[derive(Clone, Default)]
struct Chat(Arc<Mutex<Vec<(String, Value)>>>);

impl Chat {
    /// Listens there until the task is ended, which closes the port.
    async fn listen(&self, port: u16) -> JoinHandle<()> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let chat = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                chat.take(stream).await;
            }
        })
    }

    async fn take(&self, mut stream: TcpStream) -> Option<()> {
        let mut request = Vec::new();
        let (head, body) = loop {
            if stream.read_buf(&mut request).await.ok()? == 0 {
                return None;
            }
            let text = String::from_utf8_lossy(&request).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            if let Ok(body) = serde_json::from_str::<Value>(body) {
                break (head.to_owned(), body);
            }
        };
        assert!(head.starts_with(&format!("POST /{SECRET} ")), "{head}");
        let key = head.lines().find_map(|line| line.strip_prefix("idempotency-key: "));
        self.0.lock().unwrap().push((key.unwrap_or_default().to_owned(), body));
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.ok()
    }

    fn keys(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(key, _)| key.clone()).collect()
    }

    async fn hears(&self, what: &str) {
        eventually(what, 60, async || {
            self.keys().iter().any(|key| key.ends_with(what)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_chat_that_comes_late_and_dies_midway_is_told_everything_in_order() {
    let ground = scheduled("chat", &Web::default()).await;
    let (port, chat) = (free_port(), Chat::default());
    let file = std::env::temp_dir().join(format!("firedrill-chat-{}", std::process::id()));
    std::fs::write(&file, format!("http://127.0.0.1:{port}/{SECRET}\n")).unwrap();
    plan(&ground, json!({"startAt": "2999-01-01T10:00:00Z", "announce": {"before": "0s"}})).await;
    let _turn = turn().await;
    let _operator = Operator::start(&format!("{{chat: {{urlFile: '{}'}}}}", file.display()));
    by_hand(&ground, "talk").await;
    let closed = |day: &GameDayRun| {
        let gates = day.status.iter().flat_map(|status| &status.gates);
        let mut closed = gates.filter(|gate| !gate.passed);
        closed
            .any(|gate| gate.name == Gate::Announced && gate.detail.contains("connection refused"))
    };
    ground.becomes("it waits for the chat", 30, "talk", closed).await;
    let first = chat.listen(port).await;
    chat.hears("/Injection/one").await;
    first.abort();
    first.await.ok();
    let run = |run: &ExperimentRun| run.is_complete();
    ground.becomes("its steps go on without the chat", 90, "talk-two", run).await;
    assert!(!chat.keys().iter().any(|key| key.ends_with("/Injection/two")));
    let day = ground.becomes("its steps are over", 60, "talk", GameDayRun::is_over).await;
    assert_eq!(outcome(&day), (Some(Outcome::Done), Some(DayReason::StepsOver)));
    let second = chat.listen(port).await;
    let day = over(&ground, "talk").await;
    second.abort();
    // What is told after the end takes nothing of the day away.
    let status = day.status.as_ref().unwrap();
    assert!(status.plan.is_some() && status.steps.len() == 2 && !status.gates.is_empty());
    let told = chat.0.lock().unwrap().clone();
    let mut keys: Vec<&str> = told.iter().map(|(key, _)| key.as_str()).collect();
    keys.dedup();
    let uid = day.uid().to_owned();
    let expected = ["Before", "Go", "Injection/one", "Injection/two", "End"];
    assert_eq!(keys, expected.map(|what| format!("{uid}/{what}")));
    for (key, body) in &told {
        let fields = [&body["key"], &body["day"], &body["namespace"]];
        assert_eq!(fields.map(|one| one.as_str().unwrap()), [key, "talk", &ground.namespace]);
        assert!(body["text"].as_str().unwrap().contains("talk"), "{body}");
    }
    let stop = format!("firedrill gameday abort talk -n {} --reason WHY", ground.namespace);
    assert!(
        told.iter().filter(|(_, body)| body["text"].as_str().unwrap().contains(&stop)).count() >= 4
    );
    let status = json!(day.status);
    let failed = status["announcements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["tries"].as_i64() > Some(1));
    println!("{} messages, {} of them tried more than once", told.len(), failed.count());
    assert!(!status.to_string().contains(SECRET), "{status}");
    std::fs::remove_file(file).ok();
}

/// An incident that this team answers for.
async fn incident(ground: &Ground, team: &str) -> Debrief {
    let item = json!({"id": "a1", "title": "Page sooner", "turnsYes": ["Detection"], "type": "Detect", "horizon": "Short", "ownerTeam": team});
    let debrief = json!({"metadata": {"name": "incident"}, "spec": {
        "title": "Customers could not pay", "severity": "Minor", "source": {"kind": "Incident"}, "actionItems": [item],
        "incident": {"startedAt": "2026-11-24T10:00:00Z", "noticedBy": "Customer"},
    }});
    let debrief = serde_json::from_value(debrief).unwrap();
    ground.api::<Debrief>().create(&PostParams::default(), &debrief).await.unwrap()
}

#[tokio::test]
async fn a_team_is_told_in_its_own_chat_where_its_namespace_is_and_nobody_else_posts_there() {
    let (own, other) =
        (Ground::bare("own", json!({})).await, Ground::bare("other", json!({})).await);
    let (common, theirs) = (Chat::default(), Chat::default());
    let mut files = Vec::new();
    for chat in [&common, &theirs] {
        let port = free_port();
        chat.listen(port).await;
        let file =
            std::env::temp_dir().join(format!("firedrill-team-{}-{port}", std::process::id()));
        std::fs::write(&file, format!("http://127.0.0.1:{port}/{SECRET}\n")).unwrap();
        files.push(file);
    }
    let _turn = turn().await;
    let chat = |index: usize| format!("{{urlFile: '{}'}}", files[index].display());
    let owner = format!("{{owner: team-web, namespaces: [{}], chat: {}}}", own.namespace, chat(1));
    let _operator =
        Operator::start(&format!("{{chat: {}, debriefs: {{owners: [{owner}]}}}}", chat(0)));
    for ground in [&own, &other] {
        incident(ground, "team-web").await;
    }
    let told = |chat: &Chat| {
        let heard = chat.0.lock().unwrap();
        let of = heard.iter().map(|(_, body)| (body["namespace"].clone(), body["what"].clone()));
        of.collect::<Vec<_>>()
    };
    for (chat, ground) in [(&theirs, &own), (&common, &other)] {
        let opened = (json!(ground.namespace), json!("Opened"));
        eventually("the chat hears of its debrief", 60, async || {
            told(chat).contains(&opened).then_some(())
        })
        .await;
        let is_told = |debrief: &Debrief| {
            let mut messages = debrief.status.iter().flat_map(|status| &status.messages);
            messages.any(|message| message.delivered.is_some())
        };
        ground.becomes("it is written down", 20, "incident", is_told).await;
    }
    assert!(!told(&theirs).iter().any(|(namespace, _)| *namespace == json!(other.namespace)));
    assert!(!told(&common).iter().any(|(namespace, _)| *namespace == json!(own.namespace)));
    for file in files {
        std::fs::remove_file(file).unwrap();
    }
}
