//! What is done to an operator at one of its writes. A rule fires once, on a request, never on time.

use std::fmt;

use super::write::Write;

/// One thing done at one write.
#[derive(Clone, Debug)]
pub struct Rule {
    pub write: Write,
    pub action: Action,
}

/// What is done to the operator that sends the write, and to the write itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// SIGKILL.
    Kill(Moment),
    /// SIGSTOP; the write is held back until the case releases it.
    Hold,
}

/// When an operator is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The request never reaches the API server.
    Before,
    /// The API server has answered, and nobody hears of it.
    Committed,
    /// The answer was passed on.
    Answered,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kill(Moment::Before) => "killed before",
            Self::Kill(Moment::Committed) => "killed after commit",
            Self::Kill(Moment::Answered) => "killed after answer",
            Self::Hold => "paused, sent late",
        })
    }
}
