//! A cluster that cannot be reached, rights that are missing, and probes that cannot work are told in one
//! sentence with its remedy within ten seconds, whatever was asked.

use std::{
    net::TcpListener,
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{
    Ground, eventually, spec,
    terminal::{File, with_kubeconfig},
    verdict,
};
use firedrill::api::{
    Experiment, ExperimentRun,
    run::{Reason, Verdict},
};
use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    core::v1::{Node, Service, ServiceAccount},
    discovery::v1::EndpointSlice,
};
use kube::{
    Api,
    api::{ListParams, PostParams},
    config::Kubeconfig,
};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

/// A kubeconfig of the test cluster with another server or user.
fn kubeconfig(server: Option<&str>, user: &Value) -> File {
    let own = Kubeconfig::read_from(std::env::var("FIREDRILL_TEST_CLUSTER").unwrap()).unwrap();
    let own = own.clusters.into_iter().next().unwrap().cluster.unwrap();
    let cluster = json!({
        "server": server.map_or(own.server, |server| Some(server.to_owned())),
        "certificate-authority-data": own.certificate_authority_data,
    });
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    });
    File::of("kubeconfig", &config.to_string())
}

/// Every command that needs the cluster ends with 4 within 10 seconds and one line that has `remedy`.
fn told(kubeconfig: &str, remedy: &str) {
    let file = File::experiment("told", json!({}));
    let commands: [&[&str]; 8] = [
        &["run", "-f", file.path(), "--yes", "--wait"],
        &["run", "-f", file.path(), "--yes", "--local"],
        &["plan", "-f", file.path()],
        &["watch", "some"],
        &["stop", "some"],
        &["halt"],
        &["debrief", "list"],
        &["debrief", "show", "some"],
    ];
    std::thread::scope(|scope| {
        for command in commands {
            scope.spawn(move || {
                let began = Instant::now();
                let output = with_kubeconfig(kubeconfig, "default", command);
                let (took, said) = (began.elapsed(), String::from_utf8(output.stderr).unwrap());
                assert!(took < Duration::from_secs(10), "{command:?} took {took:?}");
                assert_eq!(said.trim_end().lines().count(), 1, "{command:?}: {said}");
                assert!(
                    said.starts_with("error: ") && said.contains(remedy),
                    "{command:?}: {said}"
                );
                assert_eq!(output.status.code(), Some(4), "{command:?}: {said}");
            });
        }
    });
    let doctor = with_kubeconfig(kubeconfig, "default", &["doctor"]);
    assert_eq!(doctor.status.code(), Some(4), "{}", String::from_utf8_lossy(&doctor.stdout));
}

#[test]
fn no_kubeconfig_is_told_with_its_remedy() {
    told("/nowhere/kubeconfig", "--kubeconfig");
}

#[test]
fn a_refused_connection_is_told_with_its_remedy() {
    let file = kubeconfig(Some("https://127.0.0.1:1"), &json!({}));
    told(file.path(), "is the cluster reachable?");
}

#[test]
fn a_server_that_never_answers_is_told_with_its_remedy() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", silent.local_addr().unwrap());
    let file = kubeconfig(Some(&address), &json!({}));
    told(file.path(), "is the cluster reachable?");
}

#[test]
fn an_expired_login_is_told_with_its_remedy() {
    let file = kubeconfig(None, &json!({"token": "expired"}));
    told(file.path(), "log in again and repeat");
}

#[test]
fn a_login_program_that_fails_is_told_with_its_remedy() {
    let user = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "false", "interactiveMode": "Never"}});
    let file = kubeconfig(None, &user);
    told(file.path(), "log in again and repeat");
}

/// A kubeconfig of somebody without any right: the namespace's default account.
async fn nobody(ground: &Ground) -> File {
    let accounts: Api<ServiceAccount> = ground.api();
    eventually("the ServiceAccount is there", 20, async || accounts.get("default").await.ok())
        .await;
    let request: TokenRequest = serde_json::from_value(json!({"spec": {"audiences": []}})).unwrap();
    let post = PostParams::default();
    let token = accounts.create_token_request("default", &post, &request).await.unwrap();
    let token = token.status.unwrap().token;
    kubeconfig(None, &json!({"token": token}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_told_with_the_role_that_has_it() {
    let ground = Ground::bare("rights", json!({})).await;
    let file = nobody(&ground).await;
    tokio::task::block_in_place(|| told(file.path(), " has that right: kubectl "));
    let doctor = with_kubeconfig(file.path(), &ground.namespace, &["doctor"]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    for (verb, role) in [("create", "firedrill-run"), ("list", "view"), ("patch", "edit")] {
        let line = format!(
            "you may not {verb} experimentruns in {}; the role {role} has that right",
            ground.namespace
        );
        assert!(said.contains(&line), "{line:?} is missing in\n{said}");
    }
}

/// Runs the command that the program tells an administrator to run, behind the last colon.
fn given(said: &str) {
    let command = said.trim_end().rsplit_once(": ").unwrap().1;
    assert!(command.starts_with("kubectl "), "no command is told: {said}");
    let admin = std::env::var("FIREDRILL_TEST_CLUSTER").unwrap();
    let done = Command::new("sh").args(["-c", command]).env("KUBECONFIG", admin).output().unwrap();
    let already = String::from_utf8_lossy(&done.stderr).contains("already exists");
    assert!(done.status.success() || already, "{command}: {done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_given_what_is_told_can_do_what_was_refused() {
    let ground = Ground::new("given").await;
    let somebody = nobody(&ground).await;
    let file = File::experiment("given", json!({"guards": {"minReady": 1}}));
    let commands: [(&[&str], i32); 3] = [
        (&["debrief", "list"], 0),
        (&["plan", "-f", file.path()], 3),
        (&["run", "-f", file.path(), "--yes", "--wait"], 3),
    ];
    for (command, code) in commands {
        eventually("every right that was told is given", 30, async || {
            let output = with_kubeconfig(somebody.path(), &ground.namespace, command);
            let said = String::from_utf8(output.stderr).unwrap();
            if output.status.code() == Some(4) {
                given(&said);
                return None;
            }
            assert_eq!(output.status.code(), Some(code), "{command:?}: {said}");
            Some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_service_that_cannot_be_probed_is_refused_at_once_with_its_remedy() {
    let ground = Ground::new("services").await;
    let services = ground.api::<Service>();
    for service in [
        json!({"metadata": {"name": "headless"}, "spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 80}]}}),
        json!({"metadata": {"name": "away"}, "spec": {"type": "ExternalName", "externalName": "db.example.com"}}),
    ] {
        let service = serde_json::from_value(service).unwrap();
        services.create(&PostParams::default(), &service).await.unwrap();
    }
    let no_address = "so it has no address that a probe could ask: name a Service with a ClusterIP";
    let missing = format!(
        "there is no Service webb in namespace {}: create it, or name one that is there",
        ground.namespace
    );
    for (service, port, says) in [
        ("webb", 80, missing),
        ("web", 8080, "Service web has no TCP port 8080: name one that it has, 80".to_owned()),
        ("headless", 80, format!("Service headless is headless (clusterIP: None), {no_address}")),
        ("away", 80, format!("Service away is of type ExternalName, {no_address}")),
    ] {
        for probe in [
            json!({"name": "answers", "http": {"service": service, "port": port, "path": "/"}}),
            json!({"name": "answers", "tcp": {"service": service, "port": port}}),
        ] {
            let began = Instant::now();
            let run = ground.run(json!({"template": {"steadyState": [probe]}})).await;
            let run = ground.finished(&run).await;
            assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
            assert_eq!(verdict(&run), (Some(Verdict::Error), Some(Reason::ServicesFound)));
            let says = format!("refused by guard ServicesFound: probe answers: {says}");
            assert_eq!(run.status.unwrap().summary, Some(says));
        }
    }
}

/// A port of this test outside of the cluster that greets as a gRPC server does, behind a Service.
async fn greeting(ground: &Ground) {
    let nodes: Api<Node> = Api::all(ground.client.clone());
    let node = nodes.list(&ListParams::default()).await.unwrap().items.remove(0);
    let node = node.status.unwrap().addresses.unwrap().remove(0).address;
    let route = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    route.connect((node.as_str(), 1)).unwrap();
    let own = route.local_addr().unwrap().ip();
    let listener = tokio::net::TcpListener::bind((own, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // An empty SETTINGS frame of HTTP/2; then it waits for the client's own.
                stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.ok();
                // Until the client goes: a close before what it sent is read would take the greeting away.
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok();
            });
        }
    });
    let service = json!({"metadata": {"name": "grpc"}, "spec": {"ports": [{"port": 9090}]}});
    let slice = json!({
        "metadata": {"name": "grpc-1", "labels": {"kubernetes.io/service-name": "grpc"}},
        "addressType": "IPv4", "ports": [{"port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [own.to_string()]}],
    });
    let params = PostParams::default();
    let service = serde_json::from_value(service).unwrap();
    ground.api::<Service>().create(&params, &service).await.unwrap();
    let slice = serde_json::from_value(slice).unwrap();
    ground.api::<EndpointSlice>().create(&params, &slice).await.unwrap();
}

#[tokio::test]
async fn a_grpc_port_is_told_in_plain_words_with_its_remedy() {
    let ground = Ground::new("grpc").await;
    greeting(&ground).await;
    let grpc = ground.api::<Service>().get("grpc").await.unwrap();
    let address = grpc.spec.unwrap().cluster_ip.unwrap();
    let probe = json!([{"name": "answers", "http": {"service": "grpc", "port": 9090, "path": "/", "interval": "200ms"}}]);
    let change = json!({"startWithin": "4s", "template": {"steadyState": probe}});
    let run = ground.finished(&ground.run(change).await).await;
    assert_eq!(verdict(&run), (Some(Verdict::Inconclusive), Some(Reason::BaselineNotSteady)));
    let says = format!(
        "refused by guard Steady: probe answers fails: the answer is not HTTP/1 at {address}:9090; a port that speaks gRPC, HTTP/2 or TLS is probed with tcp in place of http, waited 4s"
    );
    assert_eq!(run.status.unwrap().summary, Some(says));
    let tcp =
        json!([{"name": "answers", "tcp": {"service": "grpc", "port": 9090, "interval": "200ms"}}]);
    let run = ground.run(json!({"dryRun": true, "template": {"steadyState": tcp}})).await;
    let plan = ground.finished(&run).await.status.unwrap().journal.unwrap();
    assert!(plan.guards.iter().all(|guard| guard.passed), "the remedy works: {:?}", plan.guards);
}

#[tokio::test]
async fn expressions_that_would_fill_the_memory_are_refused_at_the_object_and_end_its_run() {
    let ground = Ground::new("greedy").await;
    let text = r#"a=~"\\w{200}","#.repeat(20);
    let mut greedy = spec();
    greedy["detection"]["alerts"] = json!(vec![&text; 16]);
    greedy["guards"]["abortOn"] = json!(vec![&text; 16]);
    let experiment = json!({"metadata": {"name": "greedy"}, "spec": greedy});
    let experiments = ground.api::<Experiment>();
    let experiment = serde_json::from_value(experiment).unwrap();
    experiments.create(&PostParams::default(), &experiment).await.unwrap();
    let ready = eventually("it is judged", 20, async || {
        let conditions = experiments.get("greedy").await.ok()?.status?.conditions;
        conditions.into_iter().find(|condition| condition.type_ == "Ready")
    })
    .await;
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "Invalid"));
    let says = r#": "\\w{200}" is too large a regular expression: compiled, all of an experiment may take 64 KiB together"#;
    for path in ["spec.detection.alerts[15]", "spec.guards.abortOn[15]"] {
        assert!(ready.message.contains(&format!("{path}{says}")), "{}", ready.message);
    }
    let spec = serde_json::from_value(json!({"experiment": "greedy"})).unwrap();
    let run = ExperimentRun::new("greedy-1", spec);
    let run = ground.api().create(&PostParams::default(), &run).await.unwrap();
    let run = ground.finished(&run).await;
    assert_eq!(verdict(&run), (Some(Verdict::Error), Some(Reason::InvalidSpec)));
    let summary = run.status.unwrap().summary.unwrap();
    assert!(summary.starts_with(&format!("refused: spec.detection.alerts[0]{says}")), "{summary}");
}
