//! How a debrief writes lengths, instants and stages.

use crate::{
    api::{
        Debrief, Duration, Moment,
        debrief::{Evidence, Objective, SourceKind, Stage, Window},
        run::{Fact, FactName, Reason, Took},
    },
    core::{
        outcome::measure::{tenths, whole_tenths},
        words::count,
    },
};

/// The length in tenths of a second, rounded up as the run's own headline is.
pub fn length(duration: Duration) -> String {
    tenths(duration).to_string()
}

/// The length in milliseconds below a second, in tenths of a second from there on; rounded up.
pub fn fine(duration: Duration) -> String {
    if duration < Duration::seconds(1) {
        whole_millis(duration).to_string()
    } else {
        length(duration)
    }
}

/// The length within its bounds: `35.1s (at least 34.5s)`.
pub fn took(took: Took) -> String {
    let (most, least) = (length(took.max), whole_tenths(took.min).to_string());
    if most == least { most } else { format!("{most} (at least {least})") }
}

/// How far `at` lies after `zero`: `+5.1s`, `−23h10m`; whole seconds where `at` has no fractions.
pub fn offset(zero: Moment, at: Moment) -> String {
    let ago = Duration::between(at, zero).std().as_secs();
    match (Duration::between(zero, at), is_whole(at)) {
        (Duration::ZERO, _) if ago == 0 => "0s".to_owned(),
        (Duration::ZERO, _) => format!("−{}", coarse(ago)),
        (after, true) => format!("+{}", Duration::seconds(after.std().as_secs())),
        (after, false) => format!("+{}", fine(after)),
    }
}

/// Rounded up, as [`length`] is.
fn whole_millis(duration: Duration) -> Duration {
    let millis = duration.std().as_micros().div_ceil(1_000);
    Duration::millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// From an hour on seconds say nothing about what led up.
fn coarse(seconds: u64) -> Duration {
    Duration::seconds(if seconds < 3600 { seconds } else { seconds / 60 * 60 })
}

/// Whether the instant is only known to the second, as Kubernetes writes most of its own.
pub fn is_whole(at: Moment) -> bool {
    at.timestamp().subsec_microsecond() == 0
}

/// The instant to the second, for sentences: `2026-11-25 10:41:12 UTC`.
pub fn second(at: Moment) -> String {
    at.timestamp().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The meeting's window: `meeting between Wed 25 Nov 10:41 and Fri 27 Nov 10:41`.
pub fn meeting(window: &Window) -> String {
    let [from, to] = [window.not_before, window.not_after]
        .map(|moment| moment.timestamp().strftime("%a %d %b %H:%M").to_string());
    format!("meeting between {from} and {to}")
}

/// The stage in words.
pub const fn words_of(stage: Stage) -> &'static str {
    match stage {
        Stage::AwaitingResolution => "Awaiting resolution",
        Stage::AwaitingDebrief => "Awaiting debrief",
        Stage::Acting => "Acting",
        Stage::Verifying => "Verifying",
        Stage::Closed => "Closed, proven",
        Stage::ClosedUnverified => "Risk accepted, not proven",
        Stage::Dismissed => "Dismissed",
    }
}

/// The words as a sentence begins with them.
pub fn capitalized(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// The share in whole percent, in tenths near nothing and near all: `0 %` is none at all, `100 %` is all.
pub fn percent(part: i64, whole: i64) -> String {
    let (wide, all) = (i128::from(part), i128::from(whole));
    let round = |units: i128| (wide * units + all / 2) / all;
    match round(1_000) {
        0 if part > 0 => "less than 0.1 %".to_owned(),
        1_000 if part < whole => "more than 99.9 %".to_owned(),
        tenths @ (1..10 | 991..1_000) => format!("{}.{} %", tenths / 10, tenths % 10),
        _ => format!("{} %", round(100)),
    }
}

/// The fact of that name, if it was seen.
pub fn fact(evidence: &Evidence, name: FactName) -> Option<&Fact> {
    evidence.facts.iter().find(|fact| fact.name == name)
}

/// Whether a guard ended the run after its fault was there.
pub fn is_near_miss(evidence: &Evidence) -> bool {
    ended_by_guard(evidence).is_some()
}

/// The fact that a guard ended the run, which says why.
pub fn ended_by_guard(evidence: &Evidence) -> Option<&Fact> {
    let is_missed = evidence.missed.contains(&Objective::Conclusion);
    let ended = fact(evidence, FactName::RevertStarted).filter(|_| is_missed)?;
    (ended.reason == Some(Reason::Guard)).then_some(ended)
}

/// What opened a debrief, where no objective of its experiment was missed.
pub const fn opened_as(kind: SourceKind) -> Option<&'static str> {
    match kind {
        SourceKind::NearMiss => Some("near miss"),
        SourceKind::Inconclusive => Some("about the experiment"),
        SourceKind::ExperimentRun | SourceKind::Incident => None,
    }
}

/// From the injection to the end of the run; the whole time that was watched.
pub fn watched(evidence: &Evidence) -> Option<Duration> {
    let injected = fact(evidence, FactName::Injected)?;
    let ended = fact(evidence, FactName::RevertStarted)?;
    Some(Duration::between(injected.not_before, ended.at))
}

/// One line for lists and last lines: the name, what it waits for, and the title.
#[must_use]
pub fn summary_line(debrief: &Debrief) -> String {
    let status = debrief.status.clone().unwrap_or_default();
    let mut parts = vec![format!("{}", debrief.spec.severity)];
    parts.extend(status.stage.map(|stage| words_of(stage).to_lowercase()));
    parts.extend(status.window.as_ref().map(|window| format!("{} UTC", meeting(window))));
    if status.repeats > 0 {
        parts.push(format!("repeated {}", count(status.repeats, "time")));
    }
    let name = debrief.metadata.name.as_deref().unwrap_or_default();
    super::markdown::plain(&format!("{name} ({}): {}", parts.join(", "), debrief.spec.title))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        serde_json::from_str(&format!("\"{text}\"")).unwrap()
    }

    #[test]
    fn a_length_shows_its_bounds_and_never_flatters() {
        let bounds = |min, max| Took { min: Duration::millis(min), max: Duration::millis(max) };
        assert_eq!(took(bounds(34_580, 35_060)), "35.1s (at least 34.5s)");
        assert_eq!(took(bounds(2_000, 2_000)), "2s");
    }

    #[test]
    fn a_share_is_nothing_or_all_only_where_it_is() {
        for (part, whole, told) in [
            (0, 300, "0 %"),
            (1, 100_000, "less than 0.1 %"),
            (1, 300, "0.3 %"),
            (3, 300, "1 %"),
            (41, 102, "40 %"),
            (297, 300, "99 %"),
            (299, 300, "99.7 %"),
            (99_999, 100_000, "more than 99.9 %"),
            (300, 300, "100 %"),
        ] {
            assert_eq!(percent(part, whole), told, "{part} of {whole}");
        }
    }

    #[test]
    fn offsets_are_as_fine_as_the_instant_is_known() {
        let zero = at("2026-11-24T10:40:31.204Z");
        assert_eq!(offset(zero, zero), "0s");
        assert_eq!(offset(zero, at("2026-11-24T10:40:36.310Z")), "+5.2s");
        assert_eq!(offset(zero, at("2026-11-24T10:40:31.221500Z")), "+18ms");
        assert_eq!(offset(zero, at("2026-11-24T10:40:36Z")), "+4s");
        assert_eq!(offset(zero, at("2026-11-24T10:40:31Z")), "0s");
        assert_eq!(offset(zero, at("2026-11-24T10:38:01Z")), "−2m30s");
        assert_eq!(offset(zero, at("2026-11-23T16:02:11Z")), "−18h38m");
    }
}
