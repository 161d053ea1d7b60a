//! One question to the API server: bounded in time, with words for what failed.

use std::fmt::Debug;

use kube::{
    Client, Resource,
    core::{NamespaceResourceScope, request},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How long one call to the API server may take; then its outcome is unknown and is read again.
pub const CALL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// How long a connection may be silent: longer than a watch without news, and no longer.
pub const SILENCE: std::time::Duration = std::time::Duration::from_secs(75);

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
    /// More than is ever read at once; somebody has made an object large.
    #[error(
        "{what}: an object has more than the {} KiB that are read at once; make it smaller (its annotations?)",
        .bound >> 10
    )]
    TooLarge {
        /// What was asked.
        what: &'static str,
        /// How many are read.
        bound: usize,
    },
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
            Self::TooLarge { what, .. } => (*what, "TooLarge"),
            Self::Conflict(what) => (*what, "Conflicted"),
            Self::Random(_) => return "NoRandomNumbers".to_owned(),
            Self::TooManySteps(_) => return "TooManySteps".to_owned(),
        };
        step.split(' ').chain([how]).map(capitalised).collect()
    }

    /// What the API server said, where it answered; else all that is known.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Call { source, .. } => match &**source {
                kube::Error::Api(status) => status.message.clone(),
                other => other.to_string(),
            },
            other => other.to_string(),
        }
    }

    /// Whether the API server answered with an object that this version cannot read.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Call { source, .. } if matches!(**source, kube::Error::SerdeError(_)))
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

/// The object of an answer as it is, whatever that says; one that is gone is no error.
///
/// # Errors
/// When the API server refuses, cannot be reached, or does not answer within [`CALL_TIMEOUT`].
pub async fn read(
    what: &'static str,
    client: &Client,
    request: Result<http::Request<Vec<u8>>, request::Error>,
) -> Result<Option<Value>, Error> {
    match send(what, client, request).await {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.code() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends a request and gives what is answered, as it is.
///
/// # Errors
/// When the API server refuses, cannot be reached, or does not answer within [`CALL_TIMEOUT`].
pub async fn send(
    what: &'static str,
    client: &Client,
    request: Result<http::Request<Vec<u8>>, request::Error>,
) -> Result<Value, Error> {
    call(what, async { client.request(request.map_err(kube::Error::BuildRequest)?).await }).await
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
            (Error::TooLarge { what: "read the object", bound: 1 }, "ReadTheObjectTooLarge"),
            (Error::Conflict("write the run's status"), "WriteTheRunsStatusConflicted"),
            (Error::TooManySteps(16), "TooManySteps"),
        ] {
            assert_eq!(error.reason(), reason);
        }
    }
}
