//! An API server with one debrief that refuses old versions, and what happens to it meanwhile.

use std::sync::{Arc, Mutex};

use firedrill::{api::Debrief, cli::connect::Cluster};
use http::{Method, Request, Response, StatusCode};
use kube::{Client, Config, client::Body};
use serde_json::{Value, json};

/// Something that happens to the debrief right before it is patched.
pub type Meddling = fn(&mut Value);

/// One debrief behind versions, and what was created.
#[derive(Clone)]
pub struct Server(Arc<Mutex<State>>);

struct State {
    debrief: Value,
    version: u64,
    meddling: Vec<Meddling>,
    created: Option<Value>,
    patches: usize,
}

impl Server {
    /// A server of that debrief.
    pub fn with(debrief: &Debrief) -> Self {
        let mut debrief = serde_json::to_value(debrief).unwrap();
        debrief["metadata"]["resourceVersion"] = json!("1");
        debrief["metadata"]["uid"] = json!("d1");
        let (meddling, created) = (Vec::new(), None);
        Self(Arc::new(Mutex::new(State { debrief, version: 1, meddling, created, patches: 0 })))
    }

    /// That happens before the next patches, one each.
    pub fn meddle(&self, meddling: &[Meddling]) {
        self.0.lock().unwrap().meddling.extend(meddling);
    }

    /// The spec as it is now.
    pub fn spec(&self) -> Value {
        self.0.lock().unwrap().debrief["spec"].clone()
    }

    /// The way to it.
    pub fn cluster(&self) -> Cluster {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.map_err(std::io::Error::other)?;
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let mut state = server.0.lock().unwrap();
                let (code, answer) = state.answer(&parts.method, parts.uri.path(), &body);
                let response = Response::builder().status(code);
                let response = response.header("content-type", "application/json");
                let body = Body::from(serde_json::to_vec(&answer).unwrap());
                Ok::<_, std::io::Error>(response.body(body).unwrap())
            }
        });
        let client = Client::new(service, "shop");
        Cluster {
            writes: client.clone(),
            client,
            config: Config::new("http://localhost".parse().unwrap()),
            context: "test".to_owned(),
            namespace: "shop".to_owned(),
        }
    }
}

impl Server {
    /// What was created last.
    pub fn created(&self) -> Value {
        self.0.lock().unwrap().created.clone().unwrap()
    }

    /// How often it was patched.
    pub fn patches(&self) -> usize {
        self.0.lock().unwrap().patches
    }
}

impl State {
    fn answer(&mut self, method: &Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let is_debrief = path.contains("/debriefs");
        match *method {
            Method::GET if is_debrief => (StatusCode::OK, self.debrief.clone()),
            Method::POST if is_debrief => {
                self.created = Some(body.clone());
                (StatusCode::CREATED, body.clone())
            }
            Method::PATCH if is_debrief => {
                self.patches += 1;
                if !self.meddling.is_empty() {
                    self.meddling.remove(0)(&mut self.debrief);
                    self.touch();
                }
                if body["metadata"]["resourceVersion"]
                    != self.debrief["metadata"]["resourceVersion"]
                {
                    return refusal(StatusCode::CONFLICT, "Conflict");
                }
                merge(&mut self.debrief["spec"], &body["spec"]);
                self.touch();
                (StatusCode::OK, self.debrief.clone())
            }
            _ => refusal(StatusCode::NOT_FOUND, "NotFound"),
        }
    }

    fn touch(&mut self) {
        self.version += 1;
        self.debrief["metadata"]["resourceVersion"] = json!(self.version.to_string());
    }
}

fn refusal(code: StatusCode, reason: &str) -> (StatusCode, Value) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
        "message": reason, "code": code.as_u16(), "details": {}});
    (code, status)
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}
