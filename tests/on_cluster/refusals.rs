//! A cluster that cannot be reached, and rights that are missing, are told in one sentence with its
//! remedy within ten seconds, whatever was asked.

use std::{
    net::TcpListener,
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{
    Ground, eventually,
    terminal::{File, with_kubeconfig},
};
use k8s_openapi::api::{authentication::v1::TokenRequest, core::v1::ServiceAccount};
use kube::{Api, api::PostParams, config::Kubeconfig};
use serde_json::{Value, json};

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
