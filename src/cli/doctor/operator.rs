//! What the operator sees of the alert sources and the reaper. It is asked by a dry run, as `plan` asks it:
//! where this program runs, they may well be out of reach.

use std::time::Duration;

use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams},
};

use super::{Check, Cluster, Failure};
use crate::{
    api::{ExperimentRun, ExperimentRunSpec, run::Warning},
    cli::follow,
    shell::{call::call, warnings::CHAT},
};

/// The experiment that is asked about; there need not be one.
const NAME: &str = "doctor";
/// How long an operator has to answer.
const WITHIN: Duration = Duration::from_secs(10);

/// Whether an operator answers, and what it says; `lease` is what its Lease says.
pub(super) async fn checks(cluster: &Cluster, lease: Result<String, String>) -> Vec<Check> {
    match ask(cluster).await {
        Ok(Some(warnings)) => told(&warnings, lease),
        Ok(None) => {
            let silent =
                || Err(format!("did not answer within {}s; see its logs", WITHIN.as_secs()));
            let silent = lease.and_then(|_| silent());
            unknown(silent, "the operator did not answer")
        }
        Err(failure) => unknown(lease, &failure.to_string()),
    }
}

/// The checks of an operator that answered.
fn told(warnings: &[Warning], lease: Result<String, String>) -> Vec<Check> {
    let of = |about: fn(&str) -> bool| {
        let messages = warnings.iter().filter(move |warning| about(&warning.about));
        messages.map(|warning| Err(warning.message.clone())).collect::<Vec<_>>()
    };
    let or = |problems: Vec<_>, fine: &str| {
        if problems.is_empty() { vec![Ok(fine.to_owned())] } else { problems }
    };
    let is_source = |about: &str| about.starts_with("config") && about != CHAT;
    let sources = or(of(is_source), "answer the operator");
    let reaper = or(of(|about| about == "reaper"), "alive");
    let place = lease.unwrap_or_else(|_| "without a Lease, so outside of the cluster".to_owned());
    let named = |name: &'static str| move |result| (name.to_owned(), result);
    let mut checks = vec![("operator".to_owned(), Ok(format!("answers, {place}")))];
    checks.extend(sources.into_iter().map(named("alert sources")));
    checks.extend(reaper.into_iter().map(named("reaper")));
    // Where nothing is said of it, it may not be configured.
    checks.extend(of(|about| about == CHAT).into_iter().map(named("chat")));
    checks
}

/// The checks where no operator told anything.
fn unknown(operator: Result<String, String>, why: &str) -> Vec<Check> {
    let unknown = |name: &str| (name.to_owned(), Err(format!("not known: {why}")));
    vec![("operator".to_owned(), operator), unknown("alert sources"), unknown("reaper")]
}

/// Asks by a dry run, and takes it away again.
async fn ask(cluster: &Cluster) -> Result<Option<Vec<Warning>>, Failure> {
    let spec = ExperimentRunSpec { dry_run: true, ..ExperimentRunSpec::of(NAME) };
    let mut run = ExperimentRun::new("", spec);
    run.metadata.name = None;
    run.metadata.generate_name = Some(format!("{NAME}-"));
    let runs: Api<ExperimentRun> = Api::namespaced(cluster.writes.clone(), &cluster.namespace);
    let created = call(
        "create the dry run by which the operator is asked",
        runs.create(&PostParams::default(), &run),
    )
    .await?;
    let name = created.name_any();
    let answer = tokio::time::timeout(WITHIN, follow::until_complete(cluster, &name, |_| {})).await;
    call("delete the dry run", runs.delete(&name, &DeleteParams::default())).await?;
    let Ok(run) = answer else { return Ok(None) };
    let plan = run?.status.and_then(|status| status.journal);
    let old = || {
        Failure::new(
            super::Exit::Infrastructure,
            "the operator is of an older version, which does not tell",
        )
    };
    plan.map(|plan| Some(plan.warnings)).ok_or_else(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(about: &str) -> Warning {
        Warning { about: about.to_owned(), message: format!("{about} is ill") }
    }

    /// Which checks fail, by what the operator warned of.
    #[track_caller]
    fn fails(warned: &[&str], expected: &[&str]) {
        let warnings: Vec<_> = warned.iter().copied().map(warning).collect();
        let checks = told(&warnings, Ok("alive in x".to_owned()));
        let failed = checks.iter().filter(|(_, result)| result.is_err());
        assert_eq!(
            failed.map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            expected,
            "{warned:?}"
        );
        for name in ["operator", "alert sources", "reaper"] {
            assert!(checks.iter().any(|(found, _)| found == name), "{name} is not judged");
        }
    }

    #[test]
    fn each_thing_that_the_operator_misses_fails_a_check() {
        fails(&[], &[]);
        fails(&["config"], &["alert sources"]);
        fails(&["config.prometheus", "config.alertmanager"], &["alert sources", "alert sources"]);
        fails(&["reaper"], &["reaper"]);
        fails(&[CHAT], &["chat"]);
        fails(&["spec.detection.alerts[0]"], &[]);
    }

    #[test]
    fn where_no_operator_answers_nothing_is_said_to_be_well() {
        let checks = unknown(Err("no operator".to_owned()), "the operator did not answer");
        assert!(checks.iter().all(|(_, result)| result.is_err()));
        assert!(checks.len() == 3);
    }
}
