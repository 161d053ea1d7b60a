use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::core::signals::pods::tests::at;

/// A server with policies whose faults are overdue, and what it was sent.
#[derive(Default)]
struct Server {
    /// Names of them by namespace; in `hostile` no revert is accepted.
    policies: Mutex<Vec<(&'static str, String)>>,
    /// What the annotations of each say beside the deadline.
    annotations: Value,
    /// The UIDs of the runs, at each list of them.
    runs: Mutex<Vec<Vec<&'static str>>>,
    patched: Mutex<Vec<(String, Value)>>,
}

const RUN: &str = "run";

impl Server {
    fn policy(&self, namespace: &str, name: &str) -> Value {
        let mut annotations = self.annotations.clone();
        annotations[names::DEADLINE] =
            json!(if namespace == "early" { at(200.0) } else { at(50.0) });
        json!({
            "metadata": {
                "name": name, "namespace": namespace, "uid": format!("{namespace}-{name}"), "resourceVersion": "1",
                "creationTimestamp": at(0.0), "labels": {names::FAULT: format!("{RUN}.1.armed")}, "annotations": annotations,
            },
            "spec": {"podSelector": {"matchLabels": {"app": "web"}}},
        })
    }

    fn list(&self, path: &str) -> Value {
        let policies = self.policies.lock().unwrap();
        let items: Vec<Value> = match path.rsplit('/').next().unwrap() {
            "networkpolicies" => {
                policies.iter().map(|(namespace, name)| self.policy(namespace, name)).collect()
            }
            "experimentruns" => {
                let mut lists = self.runs.lock().unwrap();
                let runs = if lists.len() > 1 { lists.remove(0) } else { lists[0].clone() };
                runs.iter().map(|uid| json!({"metadata": {"uid": uid}})).collect()
            }
            _ => Vec::new(),
        };
        json!({"metadata": {}, "items": items})
    }

    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> (StatusCode, Value) {
        let policies = "/apis/networking.k8s.io/v1/namespaces/";
        let Some((namespace, name)) =
            path.strip_prefix(policies).and_then(|rest| rest.split_once("/networkpolicies/"))
        else {
            return (StatusCode::OK, self.list(path));
        };
        if method == Method::GET {
            return (StatusCode::OK, self.policy(namespace, name));
        }
        let sent = serde_json::from_slice(body).unwrap();
        self.patched.lock().unwrap().push((namespace.to_owned(), sent));
        if namespace == "hostile" {
            let status = json!({"kind": "Status", "status": "Failure", "message": "a policy denied it", "code": 403});
            return (StatusCode::FORBIDDEN, status);
        }
        self.policies.lock().unwrap().retain(|(of, _)| *of != namespace);
        (StatusCode::OK, json!({}))
    }
}

/// What is sent within that time to a server with these policies, which lists those runs.
async fn sent(
    policies: Vec<(&'static str, String)>,
    annotations: Value,
    runs: Vec<Vec<&'static str>>,
    seconds: u64,
) -> Vec<(String, Value)> {
    let server = Arc::new(Server {
        policies: Mutex::new(policies),
        annotations,
        runs: Mutex::new(runs),
        ..Server::default()
    });
    let asked = server.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let asked = asked.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap();
            let (status, answer) = asked.answer(&parts.method, parts.uri.path(), &body);
            let answer = Body::from(answer.to_string().into_bytes());
            Response::builder().status(status).body(answer)
        }
    });
    let client = Client::new(service, "default");
    let reaper = Reaper::new(client.clone(), client, Wall::of(|| at(100.0)), names::REAPER);
    let forever = async { futures::join!(reaper.look_on(), reaper.work_on()) };
    let ended = tokio::time::timeout(StdDuration::from_secs(seconds), forever).await;
    assert!(ended.is_err(), "it goes on and on");
    let patched = server.patched.lock().unwrap();
    patched.clone()
}

#[tokio::test(start_paused = true)]
async fn a_namespace_full_of_reverts_that_are_refused_holds_up_no_other_and_is_asked_ever_more_rarely()
 {
    let mut policies: Vec<_> = (0..60).map(|number| ("hostile", number.to_string())).collect();
    policies.push(("shop", "web".to_owned()));
    let sent = sent(policies, json!({}), vec![vec![RUN]], 125).await;
    let first = sent.iter().position(|(namespace, _)| namespace == "shop").expect("it is ended");
    assert!(first < turns::HANDS, "{first} came before");
    assert_eq!(sent.iter().filter(|(namespace, _)| namespace == "shop").count(), 1);
    // Each at 0, 10, 30 and 70 s, or a list later.
    let refused = sent.len() - 1;
    assert!((180..=240).contains(&refused), "{refused} refused");
}

#[tokio::test(start_paused = true)]
async fn of_a_path_of_30000_segments_nothing_is_built_and_its_object_ends() {
    let annotations = json!({
        names::at("a"): format!("/spec{}", "/a".repeat(29_999)), names::was("a"): "1", names::set("a"): "null",
    });
    let sent = sent(vec![("shop", "web".to_owned())], annotations, vec![vec![RUN]], 5).await;
    let [(_, patch)] = &sent[..] else { panic!("{sent:?}") };
    let paths: Vec<_> =
        patch.as_array().unwrap().iter().map(|found| found["path"].as_str().unwrap()).collect();
    assert!(paths.iter().all(|path| path.starts_with("/metadata/")), "{paths:?}");
    let mark = json!({"op": "add", "path": "/metadata/labels/firedrill.dev~1fault", "value": "run.1.revoked"});
    assert!(patch.as_array().unwrap().contains(&mark), "{patch}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_began_after_the_runs_were_listed_has_lost_no_fault() {
    let lost =
        |runs: Vec<Vec<&'static str>>| sent(vec![("early", "web".to_owned())], json!({}), runs, 5);
    assert_eq!(lost(vec![vec![], vec![RUN]]).await.len(), 0);
    assert_eq!(lost(vec![vec![RUN]]).await.len(), 0);
    assert_eq!(lost(vec![vec![]]).await.len(), 1);
}
