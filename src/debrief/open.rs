//! Whether a run opens a debrief, under which name, and what a repeat adds to an open one.

use std::collections::BTreeMap;

use kube::api::ObjectMeta;

use super::{
    LeadUp,
    evidence::{Miss, evidence, measured},
    title::title,
};
use crate::{
    api::{
        Debrief, DebriefSpec, DebriefStatus, Duration, ExperimentRun,
        debrief::{
            Evidence, Objective, Occurrence, RunRef, Severity, Source, SourceKind, Stage, Window,
        },
        names,
        run::{Fact, FactName, Verdict},
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
    let fingerprint = fingerprint(&miss);
    let evidence = evidence(&miss, lead_up)?;
    let run_name = run.metadata.name.clone()?;
    let status = opening(&evidence);
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

/// The name under which [`open`] opens; absent when it opens none.
#[must_use]
pub fn name(run: &ExperimentRun, number: u32) -> Option<String> {
    let miss = Miss::of(run)?;
    Some(name_of(&miss, &fingerprint(&miss), number))
}

/// The status that `existing` lacks: what its opening left unwritten, and `run` as one more
/// occurrence, once; absent when it lacks nothing.
#[must_use]
pub fn join(existing: &Debrief, run: &ExperimentRun) -> Option<DebriefStatus> {
    let written = existing.status.clone().unwrap_or_default();
    let mut status = match written.stage {
        Some(_) => written.clone(),
        None => DebriefStatus {
            occurrences: written.occurrences.clone(),
            repeats: written.repeats,
            ..opening(&existing.spec.evidence)
        },
    };
    let opened_it = existing.spec.source.run_ref.uid == run.uid();
    let known = status.occurrences.iter().any(|occurrence| occurrence.uid == run.uid());
    if let Some(occurrence) = occurrence(run).filter(|_| !opened_it && !known) {
        status.occurrences.push(occurrence);
        let surplus = status.occurrences.len().saturating_sub(OCCURRENCES_MAX);
        status.occurrences.drain(..surplus);
        status.repeats += 1;
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
fn fingerprint(miss: &Miss<'_>) -> String {
    let (kind, name) = miss.spec.target.parts();
    let namespace = miss.run.metadata.namespace.as_deref().unwrap_or_default();
    let experiment = &miss.run.spec.experiment;
    let mut hash =
        hash::of(&(miss.spec.fault.name(), kind, namespace, name, &miss.missed, experiment));
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

/// What is known about a debrief from its evidence alone.
fn opening(evidence: &Evidence) -> DebriefStatus {
    let window = window(&evidence.facts);
    let stage = if window.is_some() { Stage::AwaitingDebrief } else { Stage::AwaitingResolution };
    let missed: Vec<_> = evidence.missed.iter().map(Objective::to_string).collect();
    DebriefStatus {
        stage: Some(stage),
        missed: Some(missed.join(",")),
        window,
        ..DebriefStatus::default()
    }
}

/// When to meet; not known while the impact is still on.
fn window(facts: &[Fact]) -> Option<Window> {
    let resolved = facts.iter().find(|fact| fact.name == FactName::Recovered)?.at;
    Some(Window { not_before: resolved + MEETING.0, not_after: resolved + MEETING.1 })
}
