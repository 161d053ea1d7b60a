//! What all cases share: the cluster, the identity of the operators, where files are.

use std::{net::Ipv4Addr, path::PathBuf, sync::Mutex};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    coordination::v1::Lease,
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client, Config,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::OnceCell};

use crate::{
    cluster::{self, ApiServer, Taken},
    judge::objects,
    merge::merge,
    operator::{self, Files},
    patience,
    proxy::{Upstream, ask::CHAT},
};

const GROUP: &str = "firedrill.dev";
const OPERATOR_NAMESPACE: &str = "firedrill-system";
const OPERATOR: &str = "firedrill-operator";
const REAPER: &str = "firedrill-reaper";
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
    pub api_server: ApiServer,
    /// What the operators are configured with.
    config: Value,
    /// The process id of the one reaper.
    reaper: String,
    taken: Mutex<Vec<Taken>>,
    /// Who answers where simulated pods would.
    pub pods: Pods,
}

/// Takes connections to simulated pods, whose addresses are routed to this machine.
#[derive(Default)]
pub struct Pods(OnceCell<u16>);

impl Pods {
    /// The port at which all of them answer from now on.
    pub async fn answer(&self) -> u16 {
        let begin = async || {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            tokio::spawn(async move { while listener.accept().await.is_ok() {} });
            port
        };
        *self.0.get_or_init(begin).await
    }
}

/// Where everything is.
#[derive(clap::Args)]
pub struct Places {
    /// The administrator's kubeconfig.
    #[arg(long, env = "FIREDRILL_TEST_CLUSTER")]
    kubeconfig: PathBuf,
    /// The API server's audit log.
    #[arg(long, env)]
    audit_log: PathBuf,
    /// The file with the API server's process id.
    #[arg(long)]
    api_server: PathBuf,
    /// The process id of a reaper that sweeps this cluster.
    #[arg(long)]
    reaper: String,
    /// The firedrill program.
    #[arg(long)]
    binary: PathBuf,
    /// Where logs of operators go.
    #[arg(long)]
    folder: PathBuf,
}

impl Lab {
    /// Connects as the administrator; operators get the rights of the chart, and are configured with that beside their
    /// sources of alerts.
    pub async fn open(places: &Places, more: Value) -> Self {
        rustls::crypto::ring::default_provider().install_default().unwrap();
        std::fs::create_dir_all(&places.folder).unwrap();
        let mut configured = json!({
            "prometheus": {"url": "http://127.0.0.1:9090"},
            "alertmanager": {"url": "http://127.0.0.1:9093"},
        });
        merge(&mut configured, more);
        let read = Kubeconfig::read_from(&places.kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(read, &options).await.unwrap();
        let client = Client::try_from(config.clone()).unwrap();
        let lab = Self {
            upstream: upstream(&config, &client),
            kinds: objects::kinds(&client).await,
            token: token(&client).await,
            api_server: ApiServer::new(client.clone(), places.api_server.clone()),
            client,
            audit_log: places.audit_log.clone(),
            kubeconfig: places.kubeconfig.clone(),
            binary: places.binary.clone(),
            folder: places.folder.clone(),
            config: configured,
            reaper: places.reaper.clone(),
            taken: Mutex::default(),
            pods: Pods::default(),
        };
        assert!(patience::until(30, async || lab.is_reaped().await).await, "no reaper lives");
        lab
    }

    /// Whether a reaper has renewed its Lease a moment ago.
    async fn is_reaped(&self) -> bool {
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), REAPER);
        let lease = leases.get_opt(REAPER).await.unwrap();
        let renewed = lease.and_then(|lease| lease.spec?.renew_time);
        renewed.is_some_and(|at| jiff::Timestamp::now().duration_since(at.0).as_secs() < 5)
    }

    /// The reaper does nothing from now on.
    pub fn pause_reaper(&self) {
        cluster::signal("-STOP", &self.reaper);
    }

    /// The reaper goes on.
    pub fn resume_reaper(&self) {
        cluster::signal("-CONT", &self.reaper);
    }

    /// Takes away what belongs to the whole cluster, until [`Lab::restore`].
    pub async fn take(&self, kind: &str, name: &str) {
        let taken = Taken::take(&self.client, kind, name).await;
        self.taken.lock().unwrap().push(taken);
    }

    /// Whether what was taken away is gone.
    pub async fn is_taken(&self) -> bool {
        let taken = std::mem::take(&mut *self.taken.lock().unwrap());
        let mut is_gone = true;
        for one in &taken {
            is_gone &= one.is_gone().await;
        }
        self.taken.lock().unwrap().extend(taken);
        is_gone
    }

    /// Gives back what a case took away from the whole cluster, also one that broke off.
    pub async fn restore(&self) {
        self.resume_reaper();
        self.api_server.start().await;
        let taken = std::mem::take(&mut *self.taken.lock().unwrap());
        for one in taken {
            one.restore(&self.client).await;
        }
    }

    /// Grants in a namespace what its owner grants there, also so that game days start.
    pub async fn enable(&self, namespace: &str) {
        let mut command = tokio::process::Command::new(&self.binary);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args([
            "enable",
            namespace,
            "--scheduled",
            "--yes",
        ]);
        let done = command.output().await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// How the audit log calls the operators.
    pub fn operator_user() -> String {
        format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR}")
    }

    /// How the audit log calls the reaper.
    pub fn reaper_user() -> String {
        format!("system:serviceaccount:{REAPER}:{REAPER}")
    }

    /// The files of an operator that reaches the API server at `port` of this machine, and there the chat, if it is
    /// configured with one.
    pub fn files(&self, name: &str, port: u16) -> Files {
        let [config, kubeconfig] =
            ["yaml", "kubeconfig"].map(|of| self.folder.join(format!("{name}.{of}")));
        let mut configured = self.config.clone();
        if let Some(told) = configured.get_mut("chat") {
            let file = config.with_extension(operator::CHAT);
            told["urlFile"] = json!(file);
            std::fs::write(&file, format!("http://127.0.0.1:{port}{CHAT}")).unwrap();
        }
        std::fs::write(&config, configured.to_string()).unwrap();
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "matrix",
            "clusters": [{"name": "matrix", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
            "users": [{"name": "matrix", "user": {"token": self.token}}],
            "contexts": [{"name": "matrix", "context": {"cluster": "matrix", "user": "matrix"}}],
        });
        std::fs::write(&kubeconfig, text.to_string()).unwrap();
        Files {
            binary: self.binary.clone(),
            config,
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

async fn token(client: &Client) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), OPERATOR_NAMESPACE);
    let spec = TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..Default::default() };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let answer = accounts.create_token_request(OPERATOR, &PostParams::default(), &request).await;
    answer.unwrap().status.unwrap().token
}
