//! Creates a run, whoever asks for it; one that no operator takes up is taken back.

use std::time::Duration;

use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, PostParams, Preconditions},
    runtime::wait::await_condition,
};
use rand::{TryRng, rngs::SysRng};

use crate::{
    api::{ExperimentRun, names},
    shell::{
        call::{Error, call},
        record,
    },
};

/// How long an operator has to take up a run before it is taken back.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(10);

/// The run as it is to be created: named `<experiment>-<5 random>` where it has no name, with our finalizer
/// from birth, so that whatever happens to it, an operator looks at it before it is gone.
///
/// # Errors
/// When there are no random numbers.
pub fn prepare(mut run: ExperimentRun) -> Result<ExperimentRun, Error> {
    let experiment = run.spec.experiment.to_string();
    if run.metadata.name.as_deref().unwrap_or_default().is_empty() {
        let prefix: String = experiment.chars().take(63 - names::RUN_SUFFIX).collect();
        run.metadata.name = Some(format!("{prefix}-{}", suffix()?));
    }
    run.metadata.generate_name = None;
    run.metadata.finalizers = Some(vec![names::FINALIZER.to_owned()]);
    run.metadata.labels.get_or_insert_default().insert(names::EXPERIMENT.to_owned(), experiment);
    Ok(run)
}

/// Five random characters that kubectl's users know from pod names.
///
/// # Errors
/// When there are no random numbers.
pub fn suffix() -> Result<String, Error> {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut bytes = [0; 5];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect())
}

/// Creates the run, as that field manager.
///
/// # Errors
/// What the API server says.
pub async fn create(
    client: &Client,
    run: &ExperimentRun,
    manager: &str,
) -> Result<ExperimentRun, Error> {
    let params = PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
    call("create the run", api(client, run).create(&params, run)).await
}

/// Waits until an operator has taken up the run that was created, and gives it as it is then; takes it back
/// when none does in time.
///
/// # Errors
/// What the API server says when the run is taken back.
pub async fn until_taken_up(
    reads: &Client,
    writes: &Client,
    created: &ExperimentRun,
    manager: &str,
) -> Result<Option<ExperimentRun>, Error> {
    let taken_up = |run: Option<&ExperimentRun>| run.is_none_or(ExperimentRun::is_taken_up);
    let name = created.name_any();
    let taken_up = await_condition(api(reads, created), &name, taken_up);
    match tokio::time::timeout(TAKEN_UP_WITHIN, taken_up).await {
        Ok(found) => Ok(Some(found.ok().flatten().unwrap_or_else(|| created.clone()))),
        Err(_) => take_back(writes, created, manager).await,
    }
}

/// Takes our finalizer off and deletes the run, unless an operator has written meanwhile: then it is given.
async fn take_back(
    client: &Client,
    created: &ExperimentRun,
    manager: &str,
) -> Result<Option<ExperimentRun>, Error> {
    let (runs, name) = (api(client, created), created.name_any());
    let run = call("read the run", runs.get(&name)).await?;
    if run.is_taken_up() {
        return Ok(Some(run));
    }
    let hold = (names::FINALIZER, manager);
    let free = record::remove_finalizer("take the run back", client, &run, hold).await?;
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: free.uid().to_owned().into(),
            resource_version: free.resource_version(),
        }),
        ..DeleteParams::default()
    };
    call("delete the run", runs.delete(&name, &params)).await.map(|_| None)
}

fn api(client: &Client, run: &ExperimentRun) -> Api<ExperimentRun> {
    Api::namespaced(client.clone(), &run.namespace().unwrap_or_default())
}
