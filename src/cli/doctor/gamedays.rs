//! What the plans of a namespace need so that their days begin, where it has any.

use kube::{Api, ResourceExt, api::ListParams};

use super::{Check, Cluster, Failure, granted};
use crate::{
    api::{GameDay, conditions},
    cli::view::clean,
    config::Config,
    shell::list,
};

/// Whether days can start here, then each plan.
pub(super) async fn checks(
    cluster: &Cluster,
    config: Option<&Config>,
    operator_namespace: &str,
) -> Vec<Check> {
    let plans: Api<GameDay> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let plans = match list::all("list the GameDays", &plans, ListParams::default()).await {
        Ok(plans) => plans,
        Err(error) if error.code() == Some(403) => {
            return vec![("game days".to_owned(), Ok("may not be listed by you".to_owned()))];
        }
        Err(error) => {
            return vec![("game days".to_owned(), Err(Failure::from(error).to_string()))];
        }
    };
    if plans.is_empty() {
        return Vec::new();
    }
    let mut checks = vec![granted::scheduled(cluster, operator_namespace).await];
    for plan in &plans {
        let result = ready(plan).and_then(|ready| match config {
            Some(config) => comparable(plan, &cluster.namespace, config).map(|()| ready),
            None => Ok(ready),
        });
        checks.push((format!("plan {}", plan.name_any()), result));
    }
    checks
}

/// What the operator says of the plan.
fn ready(plan: &GameDay) -> Result<String, String> {
    let status = plan.status.as_ref();
    let ready = status.and_then(|status| conditions::get(&status.conditions, "Ready"));
    let had = status.and_then(|status| status.last_day.as_deref());
    match ready {
        Some(_) if plan.spec.start_at.is_some() && had.is_some() => {
            Ok(format!("has had its one day, {}", clean(had.unwrap_or_default())))
        }
        Some(ready) if ready.status == "True" => Ok(clean(&ready.message)),
        Some(ready) => Err(format!("{}: {}", ready.reason, clean(&ready.message))),
        None => Err("no operator has looked at it yet".to_owned()),
    }
}

/// Whether what the plan asks of another namespace can be asked there.
fn comparable(plan: &GameDay, namespace: &str, config: &Config) -> Result<(), String> {
    let asked = plan.spec.go_no_go.as_ref().and_then(|asked| asked.passed_before.as_ref());
    if asked.is_none() || config.predecessors.contains_key(namespace) {
        return Ok(());
    }
    Err(format!(
        "goNoGo.passedBefore: {namespace} has no predecessor in the configuration; add it there, as in \
         `predecessors: {{{namespace}: NAMESPACE}}`"
    ))
}
