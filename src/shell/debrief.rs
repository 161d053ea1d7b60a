//! Opens the debrief of a run, or joins the one that is open for the same miss.
//!
//! Every step may be repeated: the name is the miss's own with the next number that is free, so that two
//! operators cannot both open it. What becomes of it afterwards is its own controller's.

pub mod control;
mod start;
mod tell;

use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PostParams},
};

use super::leadup;
use crate::{
    api::{Debrief, ExperimentRun, debrief::Policy, names::FIELD_MANAGER},
    core::outcome::{
        about::{About, about},
        history,
    },
    debrief::{self, Opening, leadup::Period},
    shell::{
        call::{Error, call},
        clock::Ahead,
        context::Context,
    },
};

/// Opens the debrief of `run`, or finds the one that is open for the same miss, and gives its name; none where the run
/// opens none, or its namespace is being deleted and takes nothing new. Of those that tell nothing the third in a row opens
/// one, by what was heard of the others.
///
/// # Errors
/// What the API server says; the next attempt continues where this one ended.
pub async fn record(context: &Context, run: &ExperimentRun) -> Result<Option<String>, Error> {
    let is_about = |status| about(status) == Some(About::Inconclusive);
    if run.status.as_ref().is_some_and(is_about)
        && history::told_nothing_in_a_row(run, context.runs.heard().iter()) < history::IN_A_ROW
    {
        return Ok(None);
    }
    let clients = (&context.reads, &context.writes);
    record_with(clients, run, (&context.config.debriefs.policy(run), &context.calendar)).await
}

/// As [`record`], of whatever run has something to be learned, with a client for reads and one for writes that never retries by itself, by that policy and
/// that clock.
///
/// # Errors
/// What the API server says; the next attempt continues where this one ended.
pub async fn record_with(
    (reads, writes): (&Client, &Client),
    run: &ExperimentRun,
    held_by: (&Policy, &Ahead),
) -> Result<Option<String>, Error> {
    let Some(fingerprint) = debrief::fingerprint(run) else {
        return Ok(None);
    };
    let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
    let debriefs = Api::<Debrief>::namespaced(reads.clone(), namespace);
    if let Some(name) = run.spec.verifies.as_deref() {
        let verified = call("read the debrief", debriefs.get_opt(name)).await?;
        let is_its = |verified| debrief::has(&verified, run) || debrief::joins(&verified, run);
        if verified.is_some_and(is_its) {
            return Ok(Some(name.to_owned()));
        }
    }
    let same_miss = ListParams::default().fields(&format!("spec.fingerprint={fingerprint}"));
    let known = call("list the debriefs", debriefs.list(&same_miss)).await?.items;
    // An operator that was paused meanwhile may find it opened by another one, and over.
    let own = known.iter().find(|known| debrief::has(known, run));
    if let Some(open) = own.or_else(|| debrief::to_join(&known)) {
        return Ok(Some(open.name_any()));
    }
    let written = Api::<Debrief>::namespaced(writes.clone(), namespace);
    match open(reads, &written, run, (&known, held_by)).await {
        Ok(opened) => Ok(opened.map(|opened| opened.name_any())),
        // Another operator has opened it since the list was read.
        Err(error) if error.code() == Some(409) => Err(Error::Conflict("create the debrief")),
        Err(error) if never_succeeds(&error) => {
            tracing::error!(run = run.metadata.name, %error, "this run leaves no debrief");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn open(
    reads: &Client,
    debriefs: &Api<Debrief>,
    run: &ExperimentRun,
    (earlier, (policy, calendar)): (&[Debrief], (&Policy, &Ahead)),
) -> Result<Option<Debrief>, Error> {
    let Some(period) = run.status.as_ref().and_then(Period::of) else {
        return Ok(None);
    };
    let mut lead_up = Box::pin(leadup::collect(reads, run, &period)).await;
    lead_up.entries.iter_mut().for_each(|entry| entry.at = calendar.shown(entry.at));
    let run = &calendar.of_run(run.clone());
    let (number, policy) = (debrief::next_number(earlier), policy.clone());
    let Some(debrief) = debrief::open(run, Opening { lead_up, number, policy, earlier }) else {
        return Ok(None);
    };
    let params =
        PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    call("open the debrief", debriefs.create(&params, &debrief)).await.map(Some)
}

/// A namespace that is being deleted takes nothing new; what breaks a rule will always break it.
fn never_succeeds(error: &Error) -> bool {
    let Error::Call { source, .. } = error else {
        return false;
    };
    let kube::Error::Api(status) = &**source else {
        return false;
    };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 422 || causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}
