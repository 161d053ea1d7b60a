//! Whether a run opens a debrief or joins an open one, and under which name.

use std::collections::BTreeMap;

use kube::api::ObjectMeta;

use super::{
    evidence::{Miss, evidence},
    leadup::LeadUp,
    proof, stage,
    title::title,
};
use crate::{
    api::{
        Debrief, DebriefSpec, ExperimentRun,
        debrief::{ItemState, Policy, Recurrence, RunRef, Severity, Source, SourceKind},
        names,
        run::Verdict,
    },
    core::{hash, outcome::about::About, span::crop},
};

/// Experiment names are cut to this in a debrief's name, so that it fits 63 characters.
const EXPERIMENT_MAX: usize = 50;
/// What is known where a debrief opens, beside its run.
pub struct Opening<'a> {
    /// What led up to the miss.
    pub lead_up: LeadUp,
    /// One more than the debriefs of its fingerprint.
    pub number: u32,
    /// By which hours and which proof it is held.
    pub policy: Policy,
    /// Every debrief of its fingerprint, all of which have ended.
    pub earlier: &'a [Debrief],
}

/// The debrief that `run` opens; absent when it opens none.
#[must_use]
pub fn open(run: &ExperimentRun, opening: Opening<'_>) -> Option<Debrief> {
    let miss = Miss::of(run)?;
    let fingerprint = hash_of(&miss);
    let evidence = evidence(&miss, opening.lead_up)?;
    let run_name = run.metadata.name.clone()?;
    let recurrence_of = numbered(opening.earlier).max_by_key(|(number, _)| *number);
    let source = Source {
        kind: match miss.about {
            About::Miss => SourceKind::ExperimentRun,
            About::NearMiss => SourceKind::NearMiss,
            About::Inconclusive => SourceKind::Inconclusive,
        },
        run_ref: Some(RunRef { name: run_name.clone(), uid: run.uid().to_owned() }),
    };
    let opened = DebriefSpec::new(title(&evidence), severity(&miss), source);
    Some(Debrief {
        metadata: ObjectMeta {
            name: Some(name_of(&miss, &fingerprint, opening.number)),
            namespace: run.metadata.namespace.clone(),
            labels: Some(labels(&miss, &run_name)),
            ..ObjectMeta::default()
        },
        spec: DebriefSpec {
            fingerprint: Some(fingerprint),
            recurrence_of: recurrence_of.map(|(_, earlier)| recurrence(earlier)),
            policy: opening.policy,
            evidence: Some(Box::new(evidence)),
            ..opened
        },
        status: None,
    })
}

/// What the earlier debrief left: what was dropped, and what nobody has proven.
fn recurrence(earlier: &Debrief) -> Recurrence {
    let spec = &earlier.spec;
    let dropped = spec.action_items.iter().filter(|item| item.state == ItemState::Dropped);
    let dropped = dropped.map(|item| {
        let reason = item.drop_reason.as_deref().unwrap_or_default();
        format!("item {} was dropped: {} ({reason})", item.id, item.title)
    });
    let mut left: Vec<String> = dropped.collect();
    if let Some(dismissal) = &spec.dismissal {
        left.push(format!("it was dismissed: {}", dismissal.reason));
        let questions = earlier.status.iter().flat_map(|status| &status.questions);
        let unproven = questions.filter(|question| !proof::is_proven(question));
        left.extend(unproven.map(|question| format!("{} was not proven", question.objective)));
    }
    Recurrence {
        name: earlier.metadata.name.clone().unwrap_or_default(),
        ended_at: earlier.status.as_ref().and_then(|status| status.ended_at),
        left: left.into_iter().take(50).map(|text| crop(text, 512)).collect(),
    }
}

/// The fingerprint of the debriefs that `run` opens or joins; absent when it opens none.
#[must_use]
pub fn fingerprint(run: &ExperimentRun) -> Option<String> {
    Some(hash_of(&Miss::of(run)?))
}

/// The debrief that a repeat joins, of all those with its fingerprint; absent where none is open.
#[must_use]
pub fn to_join(known: &[Debrief]) -> Option<&Debrief> {
    let open = numbered(known).filter(|(_, debrief)| stage::is_open(debrief));
    open.max_by_key(|(number, _)| *number).map(|(_, debrief)| debrief)
}

/// Whether a run belongs to that debrief already, also where that has ended since: it has opened it, or was judged there.
#[must_use]
pub fn has(debrief: &Debrief, run: &ExperimentRun) -> bool {
    let opened = debrief.spec.source.run_ref.as_ref().map(|opened| &opened.uid);
    let missed = debrief.status.iter().flat_map(|status| &status.occurrences);
    opened.into_iter().chain(missed.map(|miss| &miss.uid)).any(|uid| uid == run.uid())
}

/// The number of the next debrief after all those with its fingerprint.
#[must_use]
pub fn next_number(known: &[Debrief]) -> u32 {
    numbered(known).map(|(number, _)| number).max().unwrap_or(0).saturating_add(1)
}

/// Each debrief whose name is one that [`open`] gives, with its number.
fn numbered(known: &[Debrief]) -> impl Iterator<Item = (u32, &Debrief)> {
    known.iter().filter_map(|debrief| {
        let (prefix, number) = debrief.metadata.name.as_deref()?.rsplit_once('-')?;
        let is_ours = prefix.ends_with(debrief.spec.fingerprint.as_deref()?);
        Some((number.parse().ok().filter(|_| is_ours)?, debrief))
    })
}

/// Whether a miss of `run`, which says that it verifies `debrief`, belongs to it: of the same fault and target.
#[must_use]
pub fn joins(debrief: &Debrief, run: &ExperimentRun) -> bool {
    let (Some(evidence), Some(miss)) = (&debrief.spec.evidence, Miss::of(run)) else {
        return debrief.spec.incident.is_some() && stage::is_open(debrief);
    };
    stage::is_open(debrief)
        && miss.spec.target == evidence.spec.target
        && miss.spec.fault.name() == evidence.fault_kind
}

/// Equal for the same experiment, fault kind and target: neither what was missed nor pod names, times or numbers are part
/// of it.
fn hash_of(miss: &Miss<'_>) -> String {
    let (kind, name) = miss.spec.target.parts();
    let namespace = miss.run.metadata.namespace.as_deref().unwrap_or_default();
    let experiment = &miss.run.spec.experiment;
    let mut hash = hash::short(&(miss.spec.fault.name(), kind, namespace, name, experiment));
    hash.truncate(8);
    hash
}

fn name_of(miss: &Miss<'_>, fingerprint: &str, number: u32) -> String {
    let experiment: String = miss.run.spec.experiment.chars().take(EXPERIMENT_MAX).collect();
    format!("{}-{fingerprint}-{number}", experiment.trim_end_matches(['-', '.']))
}

fn labels(miss: &Miss<'_>, run: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (names::EXPERIMENT.to_owned(), miss.run.spec.experiment.to_string()),
        (names::RUN.to_owned(), run.to_owned()),
        (names::DEBRIEF.to_owned(), "true".to_owned()),
    ])
}

fn severity(miss: &Miss<'_>) -> Severity {
    match (miss.status.verdict, miss.missed.len()) {
        (Some(Verdict::NotRecovered), _) => Severity::Major,
        (_, 0 | 1) => Severity::Minor,
        _ => Severity::Moderate,
    }
}
