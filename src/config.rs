//! The operator's configuration: one YAML file; unknown keys are errors.

mod debriefs;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use jiff::civil::Date;
use serde::Deserialize;

pub use debriefs::{Debriefs, Team};

use crate::api::{Duration, names};

/// The whole file; every key has a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Where Prometheus is; absent means that it is not asked.
    pub prometheus: Option<Endpoint>,
    /// Where Alertmanager is; absent means that it is not asked.
    pub alertmanager: Option<Alertmanager>,
    /// How the error budget of a namespace is asked for; absent means that no day can ask.
    pub error_budget: Option<ErrorBudget>,
    /// Where notifications are received and metrics told; absent means nowhere.
    pub webhook: Option<Webhook>,
    /// Where people are told of game days, beside Kubernetes events; absent means nowhere.
    pub chat: Option<Chat>,
    /// Whether namespaces must opt in; default true.
    pub opt_in: bool,
    /// Namespaces that are never touched; a `*` at the end stands for anything; default `kube-*`.
    pub protected_namespaces: Vec<String>,
    /// Limits that refuse and never clamp.
    pub caps: Caps,
    /// How many finished runs of an experiment are kept; default 20.
    pub keep_runs: usize,
    /// How many days of a plan that are over are kept; default 24.
    pub keep_days: usize,
    /// Days on which no game day of any plan fires and no step starts, in the zone of each plan; default none.
    pub blackouts: Vec<ClosedDays>,
    /// For a namespace by name the one in which its experiments are to pass before, such as `shop: shop-staging`; the
    /// gate `PassedBefore` of game days asks there. No spec can name another namespace.
    pub predecessors: BTreeMap<String, String>,
    /// By which hours and which proof debriefs are held.
    pub debriefs: Debriefs,
    /// The namespace in which the reaper renews its lease; default `firedrill-reaper`.
    pub reaper_namespace: String,
}

/// A polled HTTP source.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// Its base URL, such as `http://prometheus.monitoring:9090`.
    pub url: String,
    /// A CA certificate in PEM that its TLS certificate must be signed by; default the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// A file with a bearer token, read anew for each request.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// How long an answer may take; default 3s.
    #[serde(default = "three_seconds")]
    pub timeout: Duration,
}

/// Alertmanager.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Alertmanager {
    /// Its base URL, such as `http://alertmanager.monitoring:9093`.
    pub url: String,
    /// A CA certificate in PEM that its TLS certificate must be signed by; default the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// A file with a bearer token, read anew for each request.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// How long an answer may take; default 3s.
    #[serde(default = "three_seconds")]
    pub timeout: Duration,
    /// The label that names an alert's namespace: one that names another is nowhere in a run. Empty switches
    /// that off, and every run may show every alert; default `namespace`.
    #[serde(default = "namespace_label")]
    pub namespace_label: String,
    /// The labels that a run shows, beside the name, of an alert that names no namespace; default
    /// `severity`.
    #[serde(default = "cluster_labels")]
    pub cluster_labels: Vec<String>,
}

impl Alertmanager {
    /// Its address without what is special to Alertmanager.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            url: self.url.clone(),
            ca_file: self.ca_file.clone(),
            token_file: self.token_file.clone(),
            timeout: self.timeout,
        }
    }
}

/// How the error budget of a namespace is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorBudget {
    /// A `PromQL` expression of one value, how many percent are left; `$namespace` stands for the day's namespace.
    pub query: String,
}

/// What is said of the labels of alerts, whichever source tells of them.
#[derive(Clone, Copy, Debug)]
pub struct AlertLabels<'a> {
    /// The label that names an alert's namespace; empty where none does.
    pub namespace: &'a str,
    /// The labels that are shown, beside the name, of an alert that names no namespace.
    pub cluster: &'a [String],
}

/// The receiver of notifications, at `/v1/alertmanager`; `/metrics` is told there too.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Webhook {
    /// Address and port, such as `0.0.0.0:9480`.
    pub listen: std::net::SocketAddr,
    /// A file with the bearer token that senders, and whoever reads the metrics, must show.
    pub token_file: PathBuf,
}

/// Days on which nothing starts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedDays {
    /// The first day, such as `2026-12-20`.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// Why, in a few words.
    pub reason: String,
}

/// A chat that takes messages by HTTP, as JSON with a field `text`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chat {
    /// A file with the URL that messages are posted to, read anew for each. The URL is a secret: it is told nowhere.
    pub url_file: PathBuf,
    /// A CA certificate in PEM that its TLS certificate must be signed by; default the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How long an answer may take; default 3s.
    #[serde(default = "three_seconds")]
    pub timeout: Duration,
}

/// Limits that refuse and never clamp.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Caps {
    /// Pods per fault; default 10.
    pub count: i32,
    /// Percent of the target's pods; default 100.
    pub percent: i32,
    /// Duration of a fault; default 1h.
    pub duration: Duration,
    /// Runs under way at once; default 20.
    pub concurrency: i32,
    /// Probes that the runs of one namespace send in a second, waiting ones and those under way; default 200.
    pub probes_per_second: i32,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            count: 10,
            percent: 100,
            duration: Duration::minutes(60),
            concurrency: 20,
            probes_per_second: 200,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prometheus: None,
            alertmanager: None,
            error_budget: None,
            webhook: None,
            chat: None,
            opt_in: true,
            protected_namespaces: vec!["kube-*".to_owned()],
            caps: Caps::default(),
            keep_runs: 20,
            keep_days: 24,
            blackouts: Vec::new(),
            predecessors: BTreeMap::new(),
            debriefs: Debriefs::default(),
            reaper_namespace: names::REAPER.to_owned(),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration {0}: {1}")]
    Read(PathBuf, std::io::Error),
    /// The file is no valid configuration.
    #[error("the configuration {0} is not valid: {1}")]
    Parse(PathBuf, serde_yaml::Error),
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is no YAML, or has an unknown key or an impossible value.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|error| Error::Read(path.to_owned(), error))?;
        serde_yaml::from_str(&text).map_err(|error| Error::Parse(path.to_owned(), error))
    }

    /// What is said of the labels of alerts.
    #[must_use]
    pub fn alert_labels(&self) -> AlertLabels<'_> {
        match &self.alertmanager {
            Some(alertmanager) => AlertLabels {
                namespace: &alertmanager.namespace_label,
                cluster: &alertmanager.cluster_labels,
            },
            None => AlertLabels { namespace: NAMESPACE_LABEL, cluster: &CLUSTER_LABELS },
        }
    }

    /// Whether the configuration protects `namespace`.
    #[must_use]
    pub fn protects(&self, namespace: &str) -> bool {
        self.protected_namespaces.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => namespace.starts_with(prefix),
            None => namespace == pattern,
        })
    }
}

const fn three_seconds() -> Duration {
    Duration::seconds(3)
}

const NAMESPACE_LABEL: &str = "namespace";

fn namespace_label() -> String {
    NAMESPACE_LABEL.to_owned()
}

static CLUSTER_LABELS: LazyLock<Vec<String>> = LazyLock::new(|| vec!["severity".to_owned()]);

fn cluster_labels() -> Vec<String> {
    CLUSTER_LABELS.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = serde_yaml::from_str::<Config>("caps: {counts: 3}").unwrap_err().to_string();
        assert!(error.contains("counts"), "{error}");
    }

    #[test]
    fn blackouts_are_days_of_the_calendar() {
        let read = |to: &str| {
            let text = format!("blackouts: [{{from: 2026-12-20, to: {to}, reason: sales}}]");
            serde_yaml::from_str::<Config>(&text)
        };
        assert_eq!(read("2027-01-03").unwrap().blackouts.len(), 1);
        let error = read("2027-02-29").unwrap_err().to_string();
        assert!(error.contains("blackouts[0].to"), "{error}");
    }

    #[test]
    fn an_empty_file_has_every_default() {
        let config: Config = serde_yaml::from_str("{}").unwrap();
        assert!(config.opt_in && config.protects("kube-system") && !config.protects("shop"));
        assert_eq!((config.caps.count, config.caps.concurrency, config.keep_runs), (10, 20, 20));
        assert_eq!(config.caps.probes_per_second, 200);
    }
}
