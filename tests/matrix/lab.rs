//! What all cases share: the cluster, the identity of the operators, where files are.

use std::path::{Path, PathBuf};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client, Config,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, GroupVersionKind},
    discovery::{Discovery, Scope, verbs},
};

use crate::{operator::Files, proxy::Upstream};

const GROUP: &str = "firedrill.dev";
const OPERATOR_NAMESPACE: &str = "firedrill-system";
const OPERATOR: &str = "firedrill-operator";
/// Longer than any matrix runs.
const TOKEN_SECONDS: i64 = 3 * 60 * 60;

/// The cluster and the program under test.
pub struct Lab {
    pub client: Client,
    pub upstream: Upstream,
    /// Every kind of object that a namespace may hold and that can be listed.
    pub kinds: Vec<ApiResource>,
    pub audit_log: PathBuf,
    kubeconfig: PathBuf,
    binary: PathBuf,
    folder: PathBuf,
    token: String,
}

impl Lab {
    /// Connects with the kubeconfig at `kubeconfig`; operators get the rights of the chart.
    pub async fn open(kubeconfig: &Path, audit_log: &Path, binary: &Path, folder: &Path) -> Self {
        rustls::crypto::ring::default_provider().install_default().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let sources = "{prometheus: {url: 'http://127.0.0.1:9090'}, alertmanager: {url: 'http://127.0.0.1:9093'}}";
        std::fs::write(folder.join("firedrill.yaml"), sources).unwrap();
        let read = Kubeconfig::read_from(kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(read, &options).await.unwrap();
        let client = Client::try_from(config.clone()).unwrap();
        Self {
            upstream: upstream(&config, &client),
            kinds: kinds(&client).await,
            token: token(&client).await,
            client,
            audit_log: audit_log.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
            binary: binary.to_owned(),
            folder: folder.to_owned(),
        }
    }

    /// Grants in a namespace what its owner grants there.
    pub async fn enable(&self, namespace: &str) {
        let mut command = tokio::process::Command::new(&self.binary);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(["enable", namespace, "--yes"]);
        let done = command.output().await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// How the audit log calls the operators.
    pub fn operator_user() -> String {
        format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR}")
    }

    /// The files of an operator that reaches the API server at `port` of this machine.
    pub fn files(&self, name: &str, port: u16) -> Files {
        let kubeconfig = self.folder.join(format!("{name}.kubeconfig"));
        let text = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "matrix",
            "clusters": [{"name": "matrix", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
            "users": [{"name": "matrix", "user": {"token": self.token}}],
            "contexts": [{"name": "matrix", "context": {"cluster": "matrix", "user": "matrix"}}],
        });
        std::fs::write(&kubeconfig, text.to_string()).unwrap();
        Files {
            binary: self.binary.clone(),
            config: self.folder.join("firedrill.yaml"),
            kubeconfig,
            log: self.folder.join(format!("{name}.log")),
        }
    }
}

/// One of our kinds, without the product's own types.
pub fn our(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, "v1alpha1", kind))
}

fn upstream(config: &Config, admin: &Client) -> Upstream {
    let authorities = config.root_cert.iter().flatten();
    let authorities = authorities.map(|der| reqwest::Certificate::from_der(der).unwrap());
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    Upstream {
        url: config.cluster_url.to_string().trim_end_matches('/').to_owned(),
        admin: admin.clone(),
        client: builder.tls_certs_only(authorities).build().unwrap(),
    }
}

async fn kinds(client: &Client) -> Vec<ApiResource> {
    let found = Discovery::new(client.clone()).run_aggregated().await.unwrap();
    let all = found.groups().flat_map(kube::discovery::ApiGroup::recommended_resources);
    let kinds = all.filter(|(kind, can)| {
        // Events and Leases are heartbeats and reports, and our own resources are judged apart.
        can.scope == Scope::Namespaced
            && can.supports_operation(verbs::LIST)
            && kind.group != GROUP
            && !matches!(kind.kind.as_str(), "Event" | "Lease" | "Endpoints")
    });
    kinds.map(|(kind, _)| kind).collect()
}

async fn token(client: &Client) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), OPERATOR_NAMESPACE);
    let spec = TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..Default::default() };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let answer = accounts.create_token_request(OPERATOR, &PostParams::default(), &request).await;
    answer.unwrap().status.unwrap().token
}
