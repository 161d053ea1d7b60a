//! What led here before, the honest exits, and what is wrong with what was measured.

use super::{
    super::{
        clock::Clock,
        markdown::{code, paragraph, text},
    },
    prose::{entry, prose},
};
use crate::{
    api::{
        DebriefSpec, DebriefStatus,
        debrief::{Amendment, Recurrence},
    },
    core::words::count,
};

/// The earlier debrief, and what it left.
pub fn before(recurrence: &Recurrence, clock: &Clock) -> String {
    let ended = recurrence.ended_at.map(|at| format!(", which ended {}", clock.day(at)));
    let ended = ended.unwrap_or_default();
    let name = code(&recurrence.name);
    if recurrence.left.is_empty() {
        return paragraph(&format!(
            "The same miss was debriefed in {name}{ended}; it left nothing undone."
        ));
    }
    let left: Vec<_> = recurrence.left.iter().map(|left| format!("- {}", text(left))).collect();
    let lead = paragraph(&format!("The same miss was debriefed in {name}{ended}. It left:"));
    format!("{lead}\n\n{}", left.join("\n"))
}

/// Why the risk is accepted, and until when.
pub fn accepted(spec: &DebriefSpec, status: &DebriefStatus, clock: &Clock) -> Option<String> {
    let risk = spec.accepted_risk.as_ref()?;
    let renewals = status.acceptance.as_ref().map_or(0, |seen| seen.renewals);
    let renewed =
        if renewals > 0 { format!("; renewed {}", count(renewals, "time")) } else { String::new() };
    let review = clock.day(risk.review_at);
    Some(format!("{}\n\nTo be reviewed by {review}{renewed}.", prose(&risk.reason)))
}

/// What people say is so, beside what was measured.
pub fn amendments(amendments: &[Amendment], clock: &Clock) -> Option<String> {
    let line = |amendment: &Amendment| {
        format!("- {}: {}", clock.day(amendment.at), entry(&amendment.text))
    };
    let lines: Vec<_> = amendments.iter().map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
