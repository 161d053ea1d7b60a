//! What users of the service would have noticed, in numbers.

use super::super::{
    clock::Clock,
    markdown::{code, text},
    phrase::{capitalized, percent, took},
};
use crate::{
    api::{
        Duration,
        debrief::Evidence,
        impact::{ProbeCounts, Unobserved},
    },
    core::words,
};

/// So many victims are named; the rest is counted.
const NAMED_MAX: usize = 10;

/// The impact; absent where nothing was measured.
pub fn section(evidence: &Evidence, clock: &Clock) -> Option<String> {
    let impact = &evidence.impact;
    let mut lines = Vec::new();
    lines.extend(
        evidence.measured.impact_duration.map(|lasted| format!("- It lasted {}.", took(lasted))),
    );
    lines.extend(probes(&impact.probes, clock));
    if impact.unavailable_pod_seconds > 0.0 {
        lines.push(format!("- {}.", capitalized(&words::unavailable(impact))));
    }
    lines.extend(victims(evidence));
    lines.extend(impact.gaps.iter().map(|gap| {
        format!(
            "- {} from {} to {} ({}).",
            match gap.of {
                Unobserved::Probes => "Not observed: probes",
                Unobserved::Fault => "The fault was not there",
            },
            clock.instant(gap.from, gap.from),
            clock.instant(gap.to, gap.from),
            Duration::between(gap.from, gap.to)
        )
    }));
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn probes(probes: &ProbeCounts, clock: &Clock) -> Option<String> {
    if probes.total == 0 {
        return None;
    }
    let percent = percent(probes.failed, probes.total);
    let during = probes.first_failure_at.zip(probes.last_failure_at).map(|(first, last)| {
        format!(", from {} to {}", clock.instant(first, first), clock.instant(last, first))
    });
    let words = probes.last_failure.as_ref();
    let words = words.map(|words| format!("; the last one said {}", code(words)));
    Some(format!(
        "- {} ({percent}){}{}.",
        words::probes(probes),
        during.unwrap_or_default(),
        words.unwrap_or_default()
    ))
}

fn victims(evidence: &Evidence) -> Option<String> {
    let victims = &evidence.victims;
    let names: Vec<_> = victims
        .iter()
        .take(NAMED_MAX)
        .map(|victim| match &victim.node {
            Some(node) => format!("{} on {}", code(&victim.name), text(node)),
            None => code(&victim.name),
        })
        .collect();
    let more = match victims.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if !evidence.took_pods() {
        let kinds =
            victims.iter().map(|victim| format!("{} {}", text(&victim.kind), code(&victim.name)));
        return Some(format!("- Changed for it: {}.", kinds.collect::<Vec<_>>().join(", ")));
    }
    let (broken, pods) = (words::count(victims.len(), "pod"), evidence.pods);
    let broken = format!("- {broken} broken of {pods}: {}{more}.", names.join(", "));
    (!victims.is_empty()).then_some(broken)
}
