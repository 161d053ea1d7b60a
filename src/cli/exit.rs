//! Exit codes, and errors for people.

use std::{fmt, process::ExitCode};

use kube::client::AuthError;

use super::rights;
use crate::api::{
    ExperimentRun,
    run::{Reason, Verdict},
};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The objectives were met, or the command did what it was asked for.
    Met = 0,
    /// An objective was missed, or the service did not come back.
    Missed = 1,
    /// The input is not valid.
    Invalid = 2,
    /// Inconclusive, aborted, or refused by a guard.
    Undecided = 3,
    /// No connection, no right, no operator.
    Infrastructure = 4,
    /// A fault may still be there.
    RevertIncomplete = 5,
    /// Interrupted, after reverting.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// How the program ends for a run that is over.
#[must_use]
pub fn for_run(run: &ExperimentRun) -> Exit {
    let status = run.status.as_ref();
    let reason = status.and_then(|status| status.reason);
    let Some(verdict) = status.and_then(|status| status.verdict) else {
        return Exit::Infrastructure;
    };
    of_verdict(verdict, reason)
}

/// How the program ends for this verdict and reason.
#[must_use]
fn of_verdict(verdict: Verdict, reason: Option<Reason>) -> Exit {
    match verdict {
        Verdict::Passed => Exit::Met,
        Verdict::ObjectiveMissed | Verdict::NotRecovered => Exit::Missed,
        Verdict::Aborted | Verdict::Inconclusive => Exit::Undecided,
        Verdict::Error if reason == Some(Reason::InvalidSpec) => Exit::Invalid,
        Verdict::Error if reason.is_some_and(Reason::names_guard) => Exit::Undecided,
        Verdict::Error => Exit::Infrastructure,
    }
}

/// What went wrong, in a sentence that says what to do, and how the program ends.
#[derive(Debug)]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    message: String,
}

impl Failure {
    /// A failure with its sentence.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// The input is not valid.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, message)
    }

    /// The API server's refusal of what was written is the input's fault, not the connection's.
    #[must_use]
    pub fn refused(error: crate::shell::call::Error) -> Self {
        match error.code() {
            Some(400 | 422) => Self::invalid(Self::from(error).to_string()),
            _ => error.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An answer of the API server that was an error, as a sentence with a remedy.
impl From<crate::shell::call::Error> for Failure {
    fn from(error: crate::shell::call::Error) -> Self {
        use crate::shell::call::Error;
        let message = match &error {
            Error::Timeout(what) => {
                format!(
                    "could not {what}: the API server did not answer within 5s; is the cluster reachable?"
                )
            }
            Error::Call { what, source } => format!("could not {what}: {}", explain(source)),
            other => other.to_string(),
        };
        Self::new(Exit::Infrastructure, message)
    }
}

/// What went wrong with the API server, and what to do about it.
pub(super) fn explain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 401 => {
            "the login has expired or is not known; log in again and repeat".to_owned()
        }
        kube::Error::Api(status) if status.code == 403 => rights::refused(status),
        kube::Error::Api(status) if status.code == 404 && status.details.is_none() => {
            "firedrill is not installed in this cluster; install it with: firedrill crds | kubectl apply -f -".to_owned()
        }
        kube::Error::Api(status) => status.message.clone(),
        kube::Error::Auth(AuthError::AuthExecRun { out, .. }) => {
            let said = String::from_utf8_lossy(&out.stderr);
            let said = said.lines().next().unwrap_or_default();
            format!(
                "the login program of the kubeconfig failed ({}) {said}; log in again and repeat",
                out.status
            )
        }
        kube::Error::Auth(error) => format!("the login failed: {error}; log in again and repeat"),
        other => format!("{}; is the cluster reachable?", innermost(other)),
    }
}

/// The cause behind all that only passed it on.
fn innermost(error: &kube::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_has_its_code() {
        let code = |verdict, reason| of_verdict(verdict, Some(reason)) as u8;
        assert_eq!(code(Verdict::Passed, Reason::ObjectivesMet), 0);
        assert_eq!(code(Verdict::ObjectiveMissed, Reason::DetectionMissed), 1);
        assert_eq!(code(Verdict::NotRecovered, Reason::StillBroken), 1);
        assert_eq!(code(Verdict::Error, Reason::InvalidSpec), 2);
        assert_eq!(code(Verdict::Inconclusive, Reason::NoImpact), 3);
        assert_eq!(code(Verdict::Aborted, Reason::Stopped), 3);
        assert_eq!(code(Verdict::Error, Reason::MinReady), 3);
        assert_eq!(code(Verdict::Error, Reason::InjectionDenied), 4);
    }
}
