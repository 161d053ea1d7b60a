//! Opens the debrief of a run, or joins the one that is open for the same miss.
//!
//! Every step may be repeated: the name is the miss's own with the next number that is free, so that two
//! operators cannot both open it, and a run is an occurrence only once.

use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PostParams},
};

use super::{leadup, record};
use crate::{
    api::{Debrief, DebriefStatus, ExperimentRun, names::FIELD_MANAGER},
    debrief::{self, leadup::Period},
    shell::{
        call::{Error, call},
        context::Context,
    },
};

/// Opens or joins the debrief of `run` and gives its name; none where the run opens
/// none, or its namespace is being deleted and takes nothing new.
///
/// # Errors
/// What the API server says; the next attempt continues where this one ended.
pub async fn record(context: &Context, run: &ExperimentRun) -> Result<Option<String>, Error> {
    record_with(&context.reads, &context.writes, run).await
}

/// As [`record`], with a client for reads and one for writes that never retries by itself.
///
/// # Errors
/// What the API server says; the next attempt continues where this one ended.
pub async fn record_with(
    reads: &Client,
    writes: &Client,
    run: &ExperimentRun,
) -> Result<Option<String>, Error> {
    let Some(fingerprint) = debrief::fingerprint(run) else {
        return Ok(None);
    };
    let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
    let known = Api::<Debrief>::namespaced(reads.clone(), namespace);
    let written = Api::<Debrief>::namespaced(writes.clone(), namespace);
    let same_miss = ListParams::default().fields(&format!("spec.fingerprint={fingerprint}"));
    let known = call("list the debriefs", known.list(&same_miss)).await?.items;
    let existing = match debrief::to_join(&known) {
        Some(open) => open.clone(),
        None => match open(reads, &written, run, debrief::next_number(&known)).await {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(None),
            // Another operator has opened it since the list was read.
            Err(error) if error.code() == Some(409) => {
                return Err(Error::Conflict("create the debrief"));
            }
            Err(error) if never_succeeds(&error) => {
                tracing::error!(run = run.metadata.name, %error, "this run leaves no debrief");
                return Ok(None);
            }
            Err(error) => return Err(error),
        },
    };
    if let Some(status) = debrief::join(&existing, run) {
        let status = DebriefStatus { observed_generation: existing.metadata.generation, ..status };
        record::apply_status("write the debrief's status", writes, &existing, &status).await?;
    }
    Ok(Some(existing.name_any()))
}

async fn open(
    reads: &Client,
    debriefs: &Api<Debrief>,
    run: &ExperimentRun,
    number: u32,
) -> Result<Option<Debrief>, Error> {
    let Some(period) = run.status.as_ref().and_then(Period::of) else {
        return Ok(None);
    };
    let lead_up = Box::pin(leadup::collect(reads, run, &period)).await;
    let Some(debrief) = debrief::open(run, lead_up, number) else {
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
