//! The way to the cluster: kubectl's own flags and files, and a first question that tells within
//! seconds what is missing.

use std::{path::PathBuf, time::Duration};

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::{
    Api, Client, Config,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
};

use super::exit::{Exit, Failure, explain};
use crate::shell::{call::call, clients};

/// kubectl's own flags.
#[derive(Clone, Debug, clap::Args)]
pub struct Flags {
    /// The kubeconfig file; default $KUBECONFIG or ~/.kube/config.
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; default its current one.
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The namespace; default that of the file, else the context's.
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
}

/// A cluster, and how people call it.
pub struct Cluster {
    /// For reads and watches.
    pub client: Client,
    /// For writes; never retries by itself.
    pub writes: Client,
    /// Its connection.
    pub config: Config,
    /// Name of the context.
    pub context: String,
    /// The namespace that was chosen.
    pub namespace: String,
}

impl Flags {
    /// Connects.
    ///
    /// # Errors
    /// When there is no usable kubeconfig.
    pub async fn connect(&self) -> Result<Cluster, Failure> {
        let (mut config, context) = self.config().await?;
        config.connect_timeout = Some(Duration::from_secs(4));
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let mut strict = config.clone();
        strict.default_retry = false;
        let client = clients::client(strict).map_err(|error| unusable(&explain(&error)))?;
        Ok(Cluster { writes: client.clone(), client, config, context, namespace })
    }

    /// The connection and the name of its context; `in-cluster` inside one.
    ///
    /// # Errors
    /// When there is no usable kubeconfig.
    pub async fn config(&self) -> Result<(Config, String), Failure> {
        let explicit = self.kubeconfig.is_some() || self.context.is_some();
        if let (false, Ok(config)) = (explicit, Config::incluster()) {
            return Ok((config, "in-cluster".to_owned()));
        }
        let read = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let kubeconfig = read.map_err(|error| unnamed(&error))?;
        let context =
            self.context.clone().or_else(|| kubeconfig.current_context.clone()).unwrap_or_default();
        let options =
            KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        Ok((config.map_err(|error| unnamed(&error))?, context))
    }
}

fn unnamed(error: &dyn std::error::Error) -> Failure {
    unusable(&format!("{error}. Name a kubeconfig with --kubeconfig or $KUBECONFIG"))
}

fn unusable(why: &str) -> Failure {
    Failure::new(Exit::Infrastructure, format!("no way to a cluster: {why}"))
}

impl Cluster {
    /// The name by which the API server knows the user.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn who(&self) -> Result<String, Failure> {
        let reviews: Api<SelfSubjectReview> = Api::all(self.writes.clone());
        let (params, review) = (PostParams::default(), SelfSubjectReview::default());
        let answer = call("ask who you are", reviews.create(&params, &review)).await?;
        let user = answer.status.and_then(|status| status.user_info).and_then(|user| user.username);
        Ok(user.unwrap_or_else(|| "an unknown user".to_owned()))
    }

    /// Asks one cheap thing, so that a missing connection or installation is told at once.
    ///
    /// # Errors
    /// When the API server does not answer, or firedrill is not installed.
    pub async fn check(&self) -> Result<(), Failure> {
        let runs =
            Api::<crate::api::ExperimentRun>::namespaced(self.client.clone(), &self.namespace);
        let some = kube::api::ListParams::default().limit(1);
        call("list the runs", runs.list_metadata(&some)).await.map_err(|error| {
            if error.code() == Some(404) {
                Failure::new(Exit::Infrastructure, "firedrill is not installed in this cluster; install it with: firedrill crds | kubectl apply -f -")
            } else {
                error.into()
            }
        })?;
        Ok(())
    }
}
