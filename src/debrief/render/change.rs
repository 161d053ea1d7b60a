//! For each missed question what must change so that the next answer is yes, derived from where the
//! time went, and how that will be proven.

use super::super::{
    markdown::{code, paragraph, text},
    phrase::{ended_by_guard, fact, fine, is_near_miss, length, took, watched},
};
use crate::{
    api::{
        Duration,
        debrief::{Evidence, Objective},
        experiment::DetectionUntil,
        run::{AlertRef, FactName, RecoveredBy},
    },
    core::{alerts::UNEXPECTED, words},
    detectors::{self, Push},
};

/// What was found about a missed question, and what turns its answer to yes.
struct Lesson {
    found: String,
    change: String,
}

/// Two paragraphs per missed objective and one about the proof.
pub fn section(evidence: &Evidence) -> Option<String> {
    let mut parts: Vec<_> = evidence.missed.iter().map(|missed| told(evidence, *missed)).collect();
    if parts.is_empty() {
        return None;
    }
    parts.push(paragraph(&proof(evidence)));
    Some(parts.join("\n\n"))
}

fn told(evidence: &Evidence, missed: Objective) -> String {
    let (question, lesson) = match missed {
        Objective::Detection => ("Was it noticed in time?", detection(evidence)),
        Objective::Recovery => ("Was it completely back in time?", recovery(evidence)),
        Objective::Tolerance => ("Did users notice nothing?", tolerance(evidence)),
        Objective::Conclusion => ("Did the run come to an answer?", conclusion(evidence)),
    };
    let found = paragraph(&format!("**{question}** {}", lesson.found));
    format!("{found}\n\n{}", paragraph(&format!("**To make it a yes**: {}", lesson.change)))
}

/// The instants of the alert, counted from where the objective's clock starts.
#[derive(Default)]
struct Delays {
    condition: Option<Duration>,
    firing: Option<Duration>,
    notified: Option<Duration>,
}

fn delays(evidence: &Evidence) -> Option<Delays> {
    let start = fact(evidence, evidence.objectives.detection_from.fact())?.not_before;
    let after = |name| fact(evidence, name).map(|fact| Duration::between(start, fact.at));
    Some(Delays {
        condition: after(FactName::ConditionTrue),
        firing: after(FactName::Firing),
        notified: after(FactName::Notified),
    })
}

fn detection(evidence: &Evidence) -> Lesson {
    let objective = evidence.objectives.detection;
    let until_notified = evidence.objectives.detection_until == DetectionUntil::Notified;
    let name = evidence
        .alert
        .as_ref()
        .map_or_else(|| "the alert".to_owned(), |alert| code(words::alert(&alert.labels)));
    let Delays { condition, firing, notified } = delays(evidence).unwrap_or_default();
    match (condition, firing) {
        (_, None) => silence(evidence, condition),
        (_, Some(firing)) if until_notified && firing <= objective => {
            late_notification(&name, objective, firing, notified)
        }
        (Some(condition), Some(firing)) if condition < objective => {
            long_wait(&name, objective, condition, firing)
        }
        (Some(condition), _) => Lesson {
            found: format!(
                "The condition of {name} became true only after {}, later than the {objective} allowed, so no \
                 shorter `for` is enough.",
                length(condition)
            ),
            change: "a rule is needed that looks at what shows this sooner, over a shorter window, scraped and \
                     evaluated more often."
                .to_owned(),
        },
        (None, Some(firing)) => Lesson {
            found: format!("It took {name} {} to fire; since when its condition was true is not known.", length(firing)),
            change: format!("scrape interval, rule evaluation and the rule's `for` must fit into {objective} together."),
        },
    }
}

fn silence(evidence: &Evidence, condition: Option<Duration>) -> Lesson {
    let objective = evidence.objectives.detection;
    let watched = watched(evidence).map(|watched| format!(" in {}", length(watched)));
    let watched = watched.unwrap_or_default();
    // One that nobody is told of, or that was on before, would notice nothing.
    let fit = |other: &&AlertRef| other.note.as_deref() == Some(UNEXPECTED);
    let other = evidence.also_fired.iter().find(fit).map(|other| code(words::alert(&other.labels)));
    let other = other
        .map(|other| format!(" {other} did fire: where it is what calls people, let it count."));
    let other = other.unwrap_or_default();
    match condition {
        Some(condition) => Lesson {
            found: format!(
                "The condition of an alert that counts was true after {}, but it did not fire{watched}.",
                length(condition)
            ),
            change: format!("the rule's `for` must be over within the {objective} allowed.{other}"),
        },
        None => Lesson {
            found: format!("No alert that counts fired{watched}."),
            change: format!(
                "an alert on what users see here must exist, reach the alert sources, and fire \
                 within {objective}.{other}"
            ),
        },
    }
}

fn long_wait(name: &str, objective: Duration, condition: Duration, firing: Duration) -> Lesson {
    let left = whole_seconds(objective.std().saturating_sub(condition.std()));
    let waited: Duration = firing.std().saturating_sub(condition.std()).into();
    Lesson {
        found: format!(
            "The signal was there: the condition of {name} was true after {}. The rule then waited {} before it \
             fired; that wait is its `for`, rounded up to its next evaluation.",
            length(condition),
            length(waited)
        ),
        change: format!(
            "the wait must be shorter than {left}, which is what is left of the {objective} allowed; or the \
             condition must become true that much sooner."
        ),
    }
}

fn late_notification(
    name: &str,
    objective: Duration,
    firing: Duration,
    notified: Option<Duration>,
) -> Lesson {
    let delivered = match notified {
        Some(notified) => {
            let more: Duration = notified.std().saturating_sub(firing.std()).into();
            format!("its notification took {} more", length(more))
        }
        None => "no notification was delivered".to_owned(),
    };
    let left = whole_seconds(objective.std().saturating_sub(firing.std()));
    let deliver = |push: Push| {
        let (source, sooner) = (push.channel.source, push.sooner);
        format!("{source}'s route must deliver within {left} of the firing ({sooner})")
    };
    let routes: Vec<_> = detectors::pushes().map(deliver).collect();
    Lesson {
        found: format!(
            "{name} fired after {}, within the {objective} allowed; {delivered}.",
            length(firing)
        ),
        change: format!("{}.", routes.join(", or ")),
    }
}

/// Rounded down to whole seconds from one second on, so that the promise holds.
fn whole_seconds(duration: std::time::Duration) -> Duration {
    if duration.as_secs() > 0 { Duration::seconds(duration.as_secs()) } else { duration.into() }
}

fn recovery(evidence: &Evidence) -> Lesson {
    let objective = evidence.objectives.recovery;
    let Some(measured) = evidence.measured.time_to_recover else {
        let watched =
            watched(evidence).map(|watched| format!(", {} after the injection", length(watched)));
        return Lesson {
            found: format!(
                "It was still not back when the run ended{}.",
                watched.unwrap_or_default()
            ),
            change: format!(
                "something must bring it back within {objective}, best without anybody."
            ),
        };
    };
    let late = format!("It was back after {}, later than the {objective} allowed.", took(measured));
    match evidence.recovered_by {
        Some(RecoveredBy::FaultEnded) => Lesson {
            found: format!("It came back only when the fault ended, after {}.", took(measured)),
            change: "the service must get over this fault while it lasts.".to_owned(),
        },
        Some(RecoveredBy::Automatic) | None => Lesson {
            found: format!("{late} {}", slowest(evidence)),
            change: format!("that part must fit into {objective}."),
        },
        Some(_) => Lesson {
            found: format!("{late} It took a change by hand."),
            change: format!(
                "that change must be made within {objective}, best by the system itself."
            ),
        },
    }
}

/// Which of the two came last: what users see, or the desired state.
fn slowest(evidence: &Evidence) -> String {
    if let Some(dependency) = &evidence.dependency {
        return format!("That is how long it went without {}.", code(dependency));
    }
    let zero = fact(evidence, FactName::Injected).map(|fact| fact.not_before);
    let after = |name| Some(Duration::between(zero?, fact(evidence, name)?.at));
    match (after(FactName::Mitigated), after(FactName::Restored)) {
        (Some(probes), Some(state)) if probes > state => format!(
            "The desired state was as before after {}, the probes were good only after {}: pods counted as ready \
             before users were served.",
            length(state),
            length(probes)
        ),
        (Some(probes), Some(state)) => format!(
            "The probes were good after {}, the desired state was as before only after {}.",
            length(probes),
            length(state)
        ),
        _ => "The timeline shows where the time went.".to_owned(),
    }
}

fn tolerance(evidence: &Evidence) -> Lesson {
    let lasted = evidence.measured.impact_duration;
    let lasted = lasted.map(|lasted| format!(" for {}", took(lasted))).unwrap_or_default();
    let (victims, pods) = (evidence.victims.len(), evidence.pods);
    let fault = match (&evidence.dependency, &evidence.change) {
        (Some(dependency), _) => format!("while {} is out of its reach", code(dependency)),
        (None, Some(change)) => format!("while {} is under way", text(change)),
        (None, None) => format!("while it loses {victims} of its {pods} pods"),
    };
    Lesson {
        found: format!(
            "Users would have noticed{lasted}: {}.",
            words::probes(&evidence.impact.probes)
        ),
        change: format!("{} must go on serving {fault}.", text(&evidence.target)),
    }
}

/// Why there was no answer: a guard ended the run, or what was measured does not tell.
fn conclusion(evidence: &Evidence) -> Lesson {
    let Some(ended) = ended_by_guard(evidence) else {
        let no_impact = fact(evidence, FactName::ImpactStarted).is_none();
        let larger = if no_impact { ": a larger fault, or a probe of what users see" } else { "" };
        return Lesson {
            found: format!(
                "Three runs in a row told nothing. Of the last one: {}.",
                text(&evidence.summary)
            ),
            change: format!("the experiment, its probes or its alert sources must change{larger}."),
        };
    };
    let after =
        watched(evidence).map(|watched| format!(" {} after the injection", length(watched)));
    let back = fact(evidence, FactName::Reverted).map_or_else(String::new, |reverted| {
        let took = fine(Duration::between(ended.at, reverted.at));
        if evidence.took_pods() {
            format!(" It was over {took} later, and took no more pods.")
        } else {
            format!(" The fault was taken back {took} later.")
        }
    });
    Lesson {
        found: format!(
            "A guard ended it{}: {}.{back} Whether it would have been noticed, and when the service was back, was not \
             measured.",
            after.unwrap_or_default(),
            text(&ended.detail)
        ),
        change: "the service must bear this fault until it is over; or what ends the run early must be something that \
                 this fault is not expected to do."
            .to_owned(),
    }
}

fn proof(evidence: &Evidence) -> String {
    if evidence.missed == [Objective::Conclusion] {
        let name = code(&evidence.experiment_name);
        return if is_near_miss(evidence) {
            format!(
                "**How it will be proven**: by running {name} again, with the same fault ({}) and no laxer objective, to \
                 its end: no guard ends it, and it passes.",
                code(&evidence.experiment.fault_hash)
            )
        } else {
            format!(
                "**How it will be proven**: by one more run of {name} that passes; one that misses is debriefed here too."
            )
        };
    }
    let alert = if evidence.missed.contains(&Objective::Detection) {
        format!(
            " A change that hides the impact does not prove the alert: that question is asked only when an alert \
             fires or the impact lasts {}.",
            evidence.objectives.detection
        )
    } else {
        String::new()
    };
    format!(
        "**How it will be proven**: by running {} again after the change, with the same fault ({}) and no laxer \
         objective, until the answer is yes.{alert}",
        code(&evidence.experiment_name),
        code(&evidence.experiment.fault_hash)
    )
}
