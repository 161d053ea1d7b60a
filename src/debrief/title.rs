//! The title: what was broken, and which objective it missed by how much, in at most 120 characters.

use super::phrase::{capitalized, is_near_miss, length, watched};
use crate::api::{
    debrief::{Evidence, Objective},
    run::RecoveredBy,
};

/// The schema's bound.
const TITLE_MAX: usize = 120;

/// The title of a debrief with this evidence.
pub fn title(evidence: &Evidence) -> String {
    let clauses: Vec<_> = evidence.missed.iter().map(|missed| clause(evidence, *missed)).collect();
    let rest = format!(" {}", clauses.join(" and "));
    let name = evidence.target.split_once('/').map_or(evidence.target.as_str(), |(_, name)| name);
    let full = format!("{}{rest}", subject(evidence, name));
    let over = full.chars().count().saturating_sub(TITLE_MAX);
    if over == 0 {
        return full;
    }
    let kept = name.chars().count().saturating_sub(over + 1).max(1);
    let short: String = name.chars().take(kept).chain(['…']).collect();
    format!("{}{rest}", subject(evidence, &short)).chars().take(TITLE_MAX).collect()
}

fn subject(evidence: &Evidence, name: &str) -> String {
    if let Some(dependency) = &evidence.dependency {
        return format!("Losing {dependency}, which {name} needs,");
    }
    if let Some(change) = &evidence.change {
        return format!("{} of {name}", capitalized(change));
    }
    if evidence.victims.iter().any(|victim| victim.round > 1) {
        return format!("Losing {name} pods again and again");
    }
    let victims = i32::try_from(evidence.victims.len()).unwrap_or(i32::MAX);
    match (victims, evidence.pods) {
        (1, 1) => format!("Losing the only {name} pod"),
        (2, 2) => format!("Losing both {name} pods"),
        (victims, pods) if victims == pods => format!("Losing all {pods} {name} pods"),
        (victims, pods) => format!("Losing {victims} of {pods} {name} pods"),
    }
}

fn clause(evidence: &Evidence, missed: Objective) -> String {
    let (measured, objectives) = (&evidence.measured, &evidence.objectives);
    match missed {
        Objective::Detection => match measured.time_to_detect {
            Some(took) => format!(
                "was noticed after {}, later than the {} allowed",
                length(took.max),
                objectives.detection
            ),
            None => format!("was not noticed within the {} allowed", objectives.detection),
        },
        Objective::Recovery => match (measured.time_to_recover, evidence.recovered_by) {
            (Some(_), Some(RecoveredBy::FaultEnded)) => {
                "was over only when the fault ended".to_owned()
            }
            (Some(took), _) => {
                format!(
                    "was over after {}, later than the {} allowed",
                    length(took.max),
                    objectives.recovery
                )
            }
            (None, _) => format!("was not over within the {} allowed", objectives.recovery),
        },
        Objective::Tolerance => "was visible to users".to_owned(),
        Objective::Conclusion if is_near_miss(evidence) => match watched(evidence) {
            Some(watched) => format!("was ended by a guard after {}", length(watched)),
            None => "was ended by a guard".to_owned(),
        },
        Objective::Conclusion => "told nothing, three times in a row".to_owned(),
    }
}
