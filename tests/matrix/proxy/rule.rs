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
    Kill(Moment, Back),
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

/// When an operator is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    AtOnce,
    /// When the fault is past its deadline, and the reaper has ended it.
    Late,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (moment, back) = match self {
            Self::Hold => return f.pad("paused, sent late"),
            Self::Kill(moment, back) => (moment, back),
        };
        let moment = match moment {
            Moment::Before => "before",
            Moment::Committed => "after commit",
            Moment::Answered => "after answer",
        };
        let back = if *back == Back::Late { ", back late" } else { "" };
        f.pad(&format!("killed {moment}{back}"))
    }
}
