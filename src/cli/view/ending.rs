//! The last lines of a run: the verdict in one sentence, how it was noticed, what it cost.

use super::{Style, clean};
use crate::{
    api::{
        Duration, ExperimentRun,
        run::{ExperimentRunStatus, FactName, Reason, Verdict},
    },
    core::{outcome::measure::tenths, words},
};

/// The lines for a run that is over.
#[must_use]
pub fn ending(run: &ExperimentRun, style: Style) -> String {
    let Some(status) = &run.status else {
        return String::new();
    };
    let mut lines = vec![sentence(status, style)];
    lines.extend(noticed(status));
    lines.extend(cost(status));
    if let Some(debrief) = &status.debrief {
        let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
        lines.push(format!("  debrief   {debrief}"));
        lines.push(format!("            firedrill debrief show {debrief} -n {namespace}"));
    } else {
        lines.extend(offered(run, status));
    }
    lines.join("\n")
}

/// A run that somebody ended leaves no debrief, unless people open one.
fn offered(run: &ExperimentRun, status: &ExperimentRunStatus) -> Option<String> {
    let has_struck = status.fact(FactName::Injected);
    let injected = has_struck.filter(|_| status.verdict == Some(Verdict::Aborted))?;
    let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
    Some(format!(
        "  debrief   none; to learn from it: firedrill debrief open --title TEXT --started-at {} --noticed-by WHO \
         --experiment {} -n {namespace}",
        injected.not_before, run.spec.experiment
    ))
}

fn sentence(status: &ExperimentRunStatus, style: Style) -> String {
    let summary = clean(status.summary.as_deref().unwrap_or("no summary"));
    let Some(verdict) = status.verdict else {
        return summary;
    };
    let head = match verdict {
        Verdict::Passed => style.good(&format!("{} {verdict}", style.symbol("✓", "+"))),
        Verdict::ObjectiveMissed | Verdict::NotRecovered => {
            style.bad(&format!("{} {verdict}", style.symbol("✗", "x")))
        }
        // The sentence names the guard; its name alone says what would have let the run start.
        Verdict::Error if status.reason.is_some_and(Reason::names_guard) => {
            style.bad(&format!("{} {verdict}", style.symbol("◦", "-")))
        }
        Verdict::Aborted | Verdict::Inconclusive | Verdict::Error => {
            let reason = status.reason.map(|reason| reason.to_string()).unwrap_or_default();
            style.bad(&format!("{} {verdict} ({reason})", style.symbol("◦", "-")))
        }
    };
    format!("{head}: {summary}.")
}

/// The alert's instants, and how well the last of them is known.
fn noticed(status: &ExperimentRunStatus) -> Option<String> {
    let detection = status.detection.as_ref()?;
    let steps = words::steps(detection.chain.as_ref()?).into_iter();
    let parts: Vec<_> = steps
        .filter_map(|(step, after)| after.map(|after| format!("+{} {step}", tenths(after))))
        .collect();
    let error = detection.took.map(|took| {
        let width = Duration::from(took.max.std().saturating_sub(took.min.std()));
        format!("   known within {}", tenths(width))
    });
    (!parts.is_empty()).then(|| {
        format!("  noticed   injection {}{}", parts.join(" · "), error.unwrap_or_default())
    })
}

fn cost(status: &ExperimentRunStatus) -> Option<String> {
    status.fact(FactName::Injected)?;
    let impact = status.impact.as_ref()?;
    let (probes, unavailable) = (words::probes(&impact.probes), words::unavailable(impact));
    Some(format!("  cost      {probes}, {unavailable}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::tests::{PLAIN, run},
        *,
    };

    #[track_caller]
    fn check(verdict: &str, reason: Reason, summary: &str, told: &str) {
        let mut run = run(&[]);
        let status = run.status.get_or_insert_default();
        status.verdict = Some(serde_json::from_value(json!(verdict)).unwrap());
        (status.reason, status.summary) = (Some(reason), Some(summary.to_owned()));
        assert_eq!(ending(&run, PLAIN), told);
    }

    #[test]
    fn a_refusal_names_its_guard_in_the_sentence_alone() {
        check(
            "Error",
            Reason::TargetFound,
            "refused by guard TargetFound: there is no deployment/web in namespace shop",
            "- Error: refused by guard TargetFound: there is no deployment/web in namespace shop.",
        );
        check(
            "Inconclusive",
            Reason::AlertAlreadyFiring,
            "refused by guard AlertsQuiet: X is already firing, waited 10m",
            "- Inconclusive (AlertAlreadyFiring): refused by guard AlertsQuiet: X is already firing, waited 10m.",
        );
        check(
            "Error",
            Reason::ExperimentNotFound,
            "refused: there is no Experiment x in this namespace",
            "- Error (ExperimentNotFound): refused: there is no Experiment x in this namespace.",
        );
    }
}
