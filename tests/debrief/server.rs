//! An API server that knows debriefs and nothing else: one, created once.

use std::sync::{Arc, Mutex};

use firedrill::api::Debrief;
use http::{Method, Request, Response, StatusCode, Uri};
use kube::{Client, client::Body};
use serde_json::{Value, json};

/// When a call is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Before it reached the server.
    Call,
    /// After the server has done it.
    Answer,
}

#[derive(Default)]
struct State {
    debrief: Option<Value>,
    version: u64,
    creations: usize,
    calls: Vec<String>,
    lose: Option<(usize, Lost)>,
    terminating: bool,
}

/// The server; clones share their state.
#[derive(Clone, Default)]
pub struct Server(Arc<Mutex<State>>);

impl Server {
    /// A client of this server.
    pub fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.map_err(std::io::Error::other)?;
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                server.answer(&parts.method, &parts.uri, &body)
            }
        });
        Client::new(service, "shop")
    }

    /// Loses call number `number`, counted from 0.
    pub fn lose(&self, number: usize, lost: Lost) {
        self.0.lock().unwrap().lose = Some((number, lost));
    }

    /// From now on nothing can be created.
    pub fn terminate(&self) {
        self.0.lock().unwrap().terminating = true;
    }

    /// The debrief, if there is one.
    pub fn debrief(&self) -> Option<Debrief> {
        let stored = self.0.lock().unwrap().debrief.clone();
        stored.map(|stored| serde_json::from_value(stored).unwrap())
    }

    /// How often one was created.
    pub fn creations(&self) -> usize {
        self.0.lock().unwrap().creations
    }

    /// Every call as `METHOD path`.
    pub fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().calls.clone()
    }

    fn answer(
        &self,
        method: &Method,
        uri: &Uri,
        body: &Value,
    ) -> Result<Response<Body>, std::io::Error> {
        let path = uri.path();
        let mut state = self.0.lock().unwrap();
        let number = state.calls.len();
        state.calls.push(format!("{method} {path}"));
        let lost = state.lose.filter(|(lost, _)| *lost == number).map(|(_, lost)| lost);
        if lost == Some(Lost::Call) {
            return Err(std::io::Error::other("the call was lost"));
        }
        let (code, answer) = state.handle(method, uri, body);
        if lost == Some(Lost::Answer) {
            return Err(std::io::Error::other("the answer was lost"));
        }
        let response = Response::builder().status(code).header("content-type", "application/json");
        Ok(response.body(Body::from(serde_json::to_vec(&answer).unwrap())).unwrap())
    }
}

impl State {
    fn handle(&mut self, method: &Method, uri: &Uri, body: &Value) -> (StatusCode, Value) {
        let path = uri.path();
        match (method, path.contains("/debriefs")) {
            (&Method::GET, true) if path.ends_with("/debriefs") => {
                let selector = uri.query().unwrap_or_default();
                let chosen = |debrief: &&Value| {
                    let fingerprint = debrief["spec"]["fingerprint"].as_str().unwrap();
                    selector.contains(&format!("fieldSelector=spec.fingerprint%3D{fingerprint}"))
                };
                let items: Vec<_> = self.debrief.iter().filter(chosen).collect();
                (StatusCode::OK, json!({"metadata": {}, "items": items}))
            }
            (&Method::GET, true) => match &self.debrief {
                Some(debrief) if path.ends_with(debrief["metadata"]["name"].as_str().unwrap()) => {
                    (StatusCode::OK, debrief.clone())
                }
                _ => refusal(StatusCode::NOT_FOUND, "NotFound", &json!([])),
            },
            (&Method::POST, true) => self.create(body),
            _ => refusal(StatusCode::FORBIDDEN, "Forbidden", &json!([])),
        }
    }

    fn create(&mut self, body: &Value) -> (StatusCode, Value) {
        if self.terminating {
            let causes = json!([{"reason": "NamespaceTerminating", "message": "it goes"}]);
            return refusal(StatusCode::FORBIDDEN, "Forbidden", &causes);
        }
        if self.debrief.is_some() {
            return refusal(StatusCode::CONFLICT, "AlreadyExists", &json!([]));
        }
        let mut stored = body.clone();
        stored.as_object_mut().unwrap().remove("status");
        self.creations += 1;
        self.store(stored, "new")
    }

    fn store(&mut self, mut stored: Value, uid: &str) -> (StatusCode, Value) {
        self.version += 1;
        stored["metadata"]["uid"] = json!(uid);
        stored["metadata"]["generation"] = json!(1);
        stored["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.debrief = Some(stored.clone());
        (StatusCode::OK, stored)
    }
}

fn refusal(code: StatusCode, reason: &str, causes: &Value) -> (StatusCode, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason,
        "code": code.as_u16(), "details": {"causes": causes},
    });
    (code, status)
}
