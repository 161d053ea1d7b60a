//! Who asks: people with a certificate of the cluster's own authority, and firedrill's own accounts;
//! each with raw requests, so that nothing between the test and the API server is kind.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::state;
use http::{Method, Request};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

/// Somebody who asks the API server.
pub struct Identity {
    pub name: String,
    pub kubeconfig: PathBuf,
    pub client: Client,
}

/// What the API server answered.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub words: String,
}

impl Identity {
    /// One of firedrill's own accounts, with the token that the chart's installation wrote down.
    pub async fn own(account: &str) -> Self {
        Self::read(account, state().join(format!("pki/{account}.kubeconfig"))).await
    }

    /// A person with a certificate, and no rights until somebody grants some.
    pub async fn person(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("firedrill-person-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let pki = state().join("pki");
        openssl(
            &folder,
            &[
                "req",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-keyout",
                "key",
                "-out",
                "csr",
                "-subj",
                &format!("/CN={name}"),
            ],
        );
        std::fs::write(folder.join("ext"), "extendedKeyUsage=clientAuth").unwrap();
        let (ca, key) = (pki.join("ca.crt"), pki.join("ca.key"));
        let (ca, key) = (ca.to_str().unwrap(), key.to_str().unwrap());
        openssl(
            &folder,
            &[
                "x509",
                "-req",
                "-in",
                "csr",
                "-CA",
                ca,
                "-CAkey",
                key,
                // Of its own: two that are signed at once would write one file.
                "-CAserial",
                "serial",
                "-CAcreateserial",
                "-extfile",
                "ext",
                "-days",
                "1",
                "-out",
                "crt",
            ],
        );
        let mut config: Value =
            serde_yaml::from_str(&std::fs::read_to_string(pki.join("admin.kubeconfig")).unwrap())
                .unwrap();
        config["users"][0]["user"] =
            json!({"client-certificate": folder.join("crt"), "client-key": folder.join("key")});
        let path = folder.join("kubeconfig");
        std::fs::write(&path, config.to_string()).unwrap();
        Self::read(name, path).await
    }

    async fn read(name: &str, kubeconfig: PathBuf) -> Self {
        let read = Kubeconfig::read_from(&kubeconfig).unwrap();
        let mut config =
            Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.unwrap();
        config.default_retry = false;
        let client = Client::try_from(config).unwrap();
        Self { name: name.to_owned(), kubeconfig, client }
    }

    /// Sends one request; `kind` is the content type after `application/`.
    pub async fn ask(&self, method: Method, path: &str, kind: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(format!("/{path}"));
        let request = request.header("Content-Type", format!("application/{kind}"));
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        answer(self.client.request::<Value>(request.body(body).unwrap()).await)
    }

    /// Creates an object.
    pub async fn create(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, "json", body).await
    }

    /// Patches an object by JSON Patch, as a dry run: admission judges it all the same.
    pub async fn would_patch(&self, path: &str, operations: &[Value]) -> Answer {
        self.ask(
            Method::PATCH,
            &format!("{path}?dryRun=All"),
            "json-patch+json",
            &json!(operations),
        )
        .await
    }

    /// Deletes an object, as a dry run.
    pub async fn would_delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, &format!("{path}?dryRun=All"), "json", &Value::Null).await
    }

    /// Runs the command line as this identity.
    pub fn firedrill(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let done = Command::new(env!("CARGO_BIN_EXE_firedrill"))
            .args(["--kubeconfig", self.kubeconfig.to_str().unwrap()])
            .args(arguments)
            .env_remove("FIREDRILL_CONFIG")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.code(), text(&done.stdout) + &text(&done.stderr))
    }
}

impl Answer {
    /// Whether a policy or the lack of a right refused it, and no mistake of the request.
    pub fn is_refusal(&self, words: &str) -> bool {
        self.code == 403 && self.words.contains(words)
    }

    /// Whether it was done, or as a dry run would have been.
    pub const fn is_done(&self) -> bool {
        self.code < 300
    }
}

fn answer(result: kube::Result<Value>) -> Answer {
    match result {
        Ok(_) => Answer { code: 200, words: String::new() },
        Err(kube::Error::Api(status)) => {
            Answer { code: status.code, words: status.message.clone() }
        }
        Err(error) => panic!("no answer: {error}"),
    }
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
