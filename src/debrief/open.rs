//! Whether a run opens a debrief or joins an open one, under which name, and what a repeat adds.

use std::collections::BTreeMap;

use kube::api::ObjectMeta;

use super::{
    evidence::{Miss, evidence, measured},
    leadup::LeadUp,
    stage,
    title::title,
};
use crate::{
    api::{
        Debrief, DebriefSpec, DebriefStatus, Duration, ExperimentRun,
        debrief::{
            DebriefFact, DebriefFactName, Evidence, Objective, Occurrence, RunRef, Severity,
            Source, SourceKind, Window,
        },
        names,
        run::{FactName, Verdict},
    },
    core::hash,
};

/// Experiment names are cut to this in a debrief's name, so that it fits 63 characters.
const EXPERIMENT_MAX: usize = 50;
/// A debrief lists so many repeats; older ones are only counted.
const OCCURRENCES_MAX: usize = 100;
/// The meeting is held between one and three days after the resolution.
const MEETING: (Duration, Duration) = (Duration::minutes(24 * 60), Duration::minutes(72 * 60));

/// The debrief that `run` opens as number `number` of its fingerprint; absent when it opens none.
#[must_use]
pub fn open(run: &ExperimentRun, lead_up: LeadUp, number: u32) -> Option<Debrief> {
    let miss = Miss::of(run)?;
    let fingerprint = hash_of(&miss);
    let evidence = evidence(&miss, lead_up)?;
    let run_name = run.metadata.name.clone()?;
    let status = concluded(&evidence, DebriefStatus::default());
    Some(Debrief {
        metadata: ObjectMeta {
            name: Some(name_of(&miss, &fingerprint, number)),
            namespace: run.metadata.namespace.clone(),
            labels: Some(labels(&miss, &run_name)),
            ..ObjectMeta::default()
        },
        spec: DebriefSpec {
            title: title(&evidence),
            severity: severity(&miss),
            source: Source {
                kind: SourceKind::ExperimentRun,
                run_ref: RunRef { name: run_name, uid: run.uid().to_owned() },
            },
            fingerprint,
            evidence,
        },
        status: Some(status),
    })
}

/// The fingerprint of the debriefs that `run` opens or joins; absent when it opens none.
#[must_use]
pub fn fingerprint(run: &ExperimentRun) -> Option<String> {
    Some(hash_of(&Miss::of(run)?))
}

/// The debrief that a repeat joins, of all those with its fingerprint; absent where none is open.
#[must_use]
pub fn to_join(known: &[Debrief]) -> Option<&Debrief> {
    // One whose status is not written yet has just been opened.
    let is_open = |debrief: &Debrief| {
        debrief.status.as_ref().is_none_or(|status| stage::is_open(stage::read(status)))
    };
    let open = numbered(known).filter(|(_, debrief)| is_open(debrief));
    open.max_by_key(|(number, _)| *number).map(|(_, debrief)| debrief)
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
        let is_ours = prefix.ends_with(&debrief.spec.fingerprint);
        Some((number.parse().ok().filter(|_| is_ours)?, debrief))
    })
}

/// The status that `existing` lacks: what its opening left unwritten, and `run` as one more
/// occurrence, once; absent when it lacks nothing.
#[must_use]
pub fn join(existing: &Debrief, run: &ExperimentRun) -> Option<DebriefStatus> {
    let written = existing.status.clone().unwrap_or_default();
    let mut status = concluded(&existing.spec.evidence, written.clone());
    let opened_it = existing.spec.source.run_ref.uid == run.uid();
    let known = status.occurrences.iter().any(|occurrence| occurrence.uid == run.uid());
    if let Some(occurrence) = occurrence(run).filter(|_| !opened_it && !known) {
        status.occurrences.push(occurrence);
        let surplus = status.occurrences.len().saturating_sub(OCCURRENCES_MAX);
        status.occurrences.drain(..surplus);
        status.repeats = status.repeats.saturating_add(1);
    }
    (status != written).then_some(status)
}

fn occurrence(run: &ExperimentRun) -> Option<Occurrence> {
    let status = run.status.as_ref()?;
    let measured = measured(status);
    Some(Occurrence {
        run: run.metadata.name.clone()?,
        uid: run.uid().to_owned(),
        at: status.fact(FactName::Injected)?.at,
        time_to_detect: measured.time_to_detect,
        time_to_recover: measured.time_to_recover,
    })
}

/// Equal for the same miss: no pod names, times or numbers are part of it.
fn hash_of(miss: &Miss<'_>) -> String {
    let (kind, name) = miss.spec.target.parts();
    let namespace = miss.run.metadata.namespace.as_deref().unwrap_or_default();
    let experiment = &miss.run.spec.experiment;
    let mut hash =
        hash::short(&(miss.spec.fault.name(), kind, namespace, name, &miss.missed, experiment));
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

/// The status with what the evidence tells beside the facts that are `written`, and what follows from them.
fn concluded(evidence: &Evidence, written: DebriefStatus) -> DebriefStatus {
    let mut status = written;
    if status.fact(DebriefFactName::Resolved).is_none() {
        status.facts.extend(resolved(evidence));
    }
    let missed: Vec<_> = evidence.missed.iter().map(Objective::to_string).collect();
    status.stage = Some(stage::read(&status));
    status.missed = Some(missed.join(","));
    status.window = window(&status);
    status
}

/// The impact is over when the run measured that the service was back.
fn resolved(evidence: &Evidence) -> Option<DebriefFact> {
    let recovered = evidence.facts.iter().find(|fact| fact.name == FactName::Recovered)?;
    Some(DebriefFact { name: DebriefFactName::Resolved, at: recovered.at })
}

/// When to meet; not known while the impact is still on.
fn window(status: &DebriefStatus) -> Option<Window> {
    let resolved = status.fact(DebriefFactName::Resolved)?.at;
    Some(Window { not_before: resolved + MEETING.0, not_after: resolved + MEETING.1 })
}
