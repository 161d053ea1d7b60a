//! The only part that talks to the world: it observes, asks `core` what to do, does it, records it.

pub mod clients;
pub mod clock;
pub mod controller;
pub mod debrief;
pub mod experiments;
pub mod leadup;
pub mod lease;
pub mod list;
pub mod net;
pub mod objects;
pub mod operator;
pub mod perform;
pub mod port;
pub mod ready;
pub mod reaper;
pub mod record;
pub mod revisions;
pub mod run;
pub mod warnings;
pub mod watched;

use std::{fmt::Debug, sync::Arc};

use kube::{Client, Resource, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::{
    api::{Experiment, ExperimentRun, SafetyLever},
    config::Config,
};
use controller::Informer;

/// How long one call to the API server may take; then its outcome is unknown and is read again.
pub const CALL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// How long a connection may be silent: longer than a watch without news, and no longer.
pub const SILENCE: std::time::Duration = std::time::Duration::from_secs(75);

/// Everything that the parts of the shell share.
pub struct Context {
    /// For reads and watches; retries by itself.
    pub reads: Client,
    /// For writes; never retries by itself.
    pub writes: Client,
    /// Whether faults are injected as the runner of their namespace; else by the operator itself.
    pub impersonates: bool,
    /// The wall clock; a run is measured by a clock of its own.
    pub wall: clock::Wall,
    /// The configuration.
    pub config: Arc<Config>,
    /// The network beside the API server.
    pub net: Arc<dyn net::Net>,
    /// What is kept in memory per run.
    pub registry: run::registry::Registry,
    /// The lever as last heard by watch.
    pub lever: watch::Receiver<Option<SafetyLever>>,
    /// Every run.
    pub runs: Informer<ExperimentRun>,
    /// Every Experiment.
    pub experiments: Informer<Experiment>,
    /// The operator's own namespace, which is always protected; absent outside a cluster.
    pub own_namespace: Option<String>,
    /// Writes Kubernetes events.
    pub events: run::events::Events,
}

impl Context {
    /// For what breaks something in `namespace`; never retries by itself.
    #[must_use]
    pub fn injector(&self, namespace: &str) -> Client {
        if self.impersonates {
            clients::runner(&self.writes, namespace)
        } else {
            self.writes.clone()
        }
    }

    /// Asks for `run` to be looked at again.
    pub fn trigger(&self, run: &ExperimentRun) {
        let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
        self.runs.request(namespace, run.metadata.name.as_deref().unwrap_or_default());
    }
}

/// A typed resource that lives in a namespace.
pub trait Namespaced:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned
{
}

impl<K> Namespaced for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
{
}

/// Why something that was asked of the API server is not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused, or the connection failed.
    #[error("{what}: {source}")]
    Call {
        /// What was asked.
        what: &'static str,
        /// Its answer.
        source: Box<kube::Error>,
    },
    /// There was no answer in time.
    #[error("{0}: no answer within 5s")]
    Timeout(&'static str),
    /// The object changed meanwhile; the next look continues from there.
    #[error("the object has changed meanwhile")]
    Conflict(&'static str),
    /// There is nothing to make a name of.
    #[error("no random numbers: {0}")]
    Random(String),
    /// A run took more steps in one go than any run needs.
    #[error("more than {0} steps in one go")]
    TooManySteps(usize),
}

impl Error {
    /// The step that failed, and how, as one CamelCase word: `ReadTheRunFailed`.
    #[must_use]
    pub fn reason(&self) -> String {
        let (step, how) = match self {
            Self::Call { what, .. } => (*what, "Failed"),
            Self::Timeout(what) => (*what, "TimedOut"),
            Self::Conflict(what) => (*what, "Conflicted"),
            Self::Random(_) => return "NoRandomNumbers".to_owned(),
            Self::TooManySteps(_) => return "TooManySteps".to_owned(),
        };
        step.split(' ').chain([how]).map(capitalised).collect()
    }

    /// The API server's status code, where it answered.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Call { source, .. } => code(source),
            _ => None,
        }
    }
}

/// The letters and digits of a word, the first one large.
fn capitalised(word: &str) -> String {
    let mut letters = word.chars().filter(|c| c.is_alphanumeric());
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// The API server's status code, where it answered.
#[must_use]
pub fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// Asks the API server something, with an end to the waiting.
///
/// # Errors
/// When the API server refuses, cannot be reached, or does not answer within [`CALL_TIMEOUT`].
pub async fn call<T>(
    what: &'static str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(CALL_TIMEOUT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(source)) => Err(Error::Call { what, source: Box::new(source) }),
        Err(_) => Err(Error::Timeout(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_tells_which_step_failed_and_how() {
        let refused = |what| {
            let source = Box::new(kube::Error::LinesCodecMaxLineLengthExceeded);
            Error::Call { what, source }
        };
        for (error, reason) in [
            (refused("read the run"), "ReadTheRunFailed"),
            (refused("list the target's pods"), "ListTheTargetsPodsFailed"),
            (Error::Timeout("read the run"), "ReadTheRunTimedOut"),
            (Error::Conflict("write the run's status"), "WriteTheRunsStatusConflicted"),
            (Error::TooManySteps(16), "TooManySteps"),
        ] {
            assert_eq!(error.reason(), reason);
        }
    }
}
