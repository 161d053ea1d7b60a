//! The mark on a target, by which arming and revoking exclude each other: `<run UID>.<epoch>.armed`
//! or `….revoked`, the value of the label `firedrill.dev/fault`.

use std::{fmt, str::FromStr};

/// Who armed or revoked a target last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// UID of the run.
    pub run: String,
    /// Number of the fault in that run.
    pub epoch: i32,
    /// Whether the fault may be there.
    pub armed: bool,
}

impl Mark {
    /// The mark of a run's fault that is there.
    #[must_use]
    pub fn armed(run: &str, epoch: i32) -> Self {
        Self { run: run.to_owned(), epoch, armed: true }
    }

    /// The mark of a run's fault that is gone and cannot come back.
    #[must_use]
    pub fn revoked(run: &str, epoch: i32) -> Self {
        Self { run: run.to_owned(), epoch, armed: false }
    }

    /// The same fault, gone.
    #[must_use]
    pub fn revocation(&self) -> Self {
        Self { armed: false, ..self.clone() }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.armed { "armed" } else { "revoked" };
        write!(f, "{}.{}.{state}", self.run, self.epoch)
    }
}

/// A label value that is no mark of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not <run UID>.<epoch>.armed or <run UID>.<epoch>.revoked")]
pub struct ParseMarkError;

impl FromStr for Mark {
    type Err = ParseMarkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.rsplitn(3, '.');
        let (state, epoch, run) = (parts.next(), parts.next(), parts.next());
        let armed = match state {
            Some("armed") => true,
            Some("revoked") => false,
            _ => return Err(ParseMarkError),
        };
        let epoch = epoch.and_then(|epoch| epoch.parse().ok()).ok_or(ParseMarkError)?;
        let run = run.filter(|run| !run.is_empty()).ok_or(ParseMarkError)?;
        Ok(Self { run: run.to_owned(), epoch, armed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for mark in [Mark::armed("0d1c-77ae", 1), Mark::revoked("0d1c.77ae", 12)] {
            assert_eq!(mark.to_string().parse(), Ok(mark));
        }
    }

    #[test]
    fn what_is_no_mark_is_refused() {
        for text in ["", "u.1", "u.x.armed", ".1.armed", "u.1.broken"] {
            assert_eq!(text.parse::<Mark>(), Err(ParseMarkError), "{text:?}");
        }
    }
}
