//! `firedrill doctor`: everything that a run needs, checked before anything is broken; what only the operator
//! can see, it is asked.

mod gamedays;
mod granted;
mod operator;

use std::path::PathBuf;

use k8s_openapi::{
    api::{
        authorization::v1::{
            ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
        },
        core::v1::Namespace,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, ResourceExt, api::PostParams};

use super::{
    connect::{Cluster, Flags},
    enable::OperatorFlags,
    exit::{Exit, Failure},
    protected, rights as roles,
    view::Style,
};
use crate::{
    api::{SafetyLever, definitions, names},
    config::Config,
    detectors::SOURCES,
    shell::{
        call::call,
        clock::Wall,
        lease,
        net::{Net, Sockets},
    },
};

/// Arguments of `firedrill doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration of run --local: its alert sources are asked from here.
    #[arg(long, env = "FIREDRILL_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    operator: OperatorFlags,
}

/// One thing that was checked: what, and what is wrong with it and how to mend it.
type Check = (String, Result<String, String>);

/// Checks everything and prints a table; exits with 4 when something is wrong.
///
/// # Errors
/// When there is no usable kubeconfig, or the configuration cannot be read.
pub async fn doctor(flags: &Flags, args: &Args) -> Result<Exit, Failure> {
    let cluster = flags.connect().await?;
    let config = args.config.as_deref().map(Config::read).transpose();
    let config = config.map_err(|error| Failure::invalid(error.to_string()))?;
    let operator_namespace = &args.operator.operator_namespace;
    let mut checks = vec![connection(&cluster).await];
    if checks.iter().all(|(_, result)| result.is_ok()) {
        checks.extend(installed(&cluster).await);
        checks.extend(rights(&cluster).await);
        let lease = lease(&cluster).await;
        checks.extend(operator::checks(&cluster, lease).await);
        checks.push(opted_in(&cluster, config.as_ref(), operator_namespace).await);
        checks.push(granted::check(&cluster, operator_namespace).await);
        checks.extend(gamedays::checks(&cluster, config.as_ref(), operator_namespace).await);
        checks.push(lever(&cluster).await);
    }
    if let Some(config) = &config {
        checks.extend(sources(config).await);
    }
    let style = Style::detect();
    for (what, result) in &checks {
        match result {
            Ok(detail) => println!("{} {what:<22} {detail}", if style.unicode { "✓" } else { "+" }),
            Err(remedy) => {
                println!("{} {what:<22} {remedy}", if style.unicode { "✗" } else { "x" });
            }
        }
    }
    let healthy = checks.iter().all(|(_, result)| result.is_ok());
    Ok(if healthy { Exit::Met } else { Exit::Infrastructure })
}

async fn connection(cluster: &Cluster) -> Check {
    let answer = call("reach the API server", cluster.client.apiserver_version()).await;
    let result = answer
        .map(|version| format!("context {}, Kubernetes {}", cluster.context, version.git_version))
        .map_err(|error| Failure::from(error).to_string());
    ("connection".to_owned(), result)
}

/// Whether every resource is there, and knows every field of this version.
async fn installed(cluster: &Cluster) -> Vec<Check> {
    let found: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let mut checks = Vec::new();
    for ours in definitions() {
        let name = ours.name_any();
        let remedy = "install it with: firedrill crds | kubectl apply -f -";
        let result = match call("read the definition", found.get_opt(&name)).await {
            Ok(Some(theirs)) if serves(&theirs, ours) => Ok("installed".to_owned()),
            Ok(Some(_)) => Err(format!("is of another version; {remedy}")),
            Ok(None) => Err(format!("is missing; {remedy}")),
            Err(error) if error.code() == Some(403) => {
                Ok("may not be read, taken as installed".to_owned())
            }
            Err(error) => Err(Failure::from(error).to_string()),
        };
        checks.push((name.split('.').next().unwrap_or_default().to_owned(), result));
    }
    checks
}

/// Whether the installed definition has the properties and selectable fields of ours; the server adds
/// defaults.
fn serves(theirs: &CustomResourceDefinition, ours: &CustomResourceDefinition) -> bool {
    let shape = |crd: &CustomResourceDefinition| {
        let version = crd.spec.versions.first();
        let parts = version.map(|version| (&version.schema, &version.selectable_fields));
        serde_json::to_value(parts).unwrap_or_default()
    };
    contains(&shape(theirs), &shape(ours))
}

fn contains(theirs: &serde_json::Value, ours: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Object};
    match (theirs, ours) {
        (Object(theirs), Object(ours)) => ours
            .iter()
            .all(|(key, value)| theirs.get(key).is_some_and(|found| contains(found, value))),
        (Array(theirs), Array(ours)) => {
            theirs.len() == ours.len() && theirs.iter().zip(ours).all(|(a, b)| contains(a, b))
        }
        (serde_json::Value::Number(a), serde_json::Value::Number(b)) => a.as_f64() == b.as_f64(),
        (theirs, ours) => theirs == ours,
    }
}

/// Whether the user may do what `run`, `stop` and `watch` do.
async fn rights(cluster: &Cluster) -> Vec<Check> {
    let mut checks = Vec::new();
    for verb in ["create", "get", "list", "watch", "patch", "delete"] {
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    group: Some(names::GROUP.to_owned()),
                    resource: Some("experimentruns".to_owned()),
                    namespace: Some(cluster.namespace.clone()),
                    verb: Some(verb.to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.writes.clone());
        let result = match call("ask for rights", reviews.create(&PostParams::default(), &review))
            .await
        {
            Ok(answer) if answer.status.as_ref().is_some_and(|status| status.allowed) => continue,
            Ok(_) => Err(format!(
                "you may not {verb} experimentruns in {}; the role {} has that right",
                cluster.namespace,
                roles::role(verb, "experimentruns", names::GROUP).unwrap_or_default()
            )),
            Err(error) => Err(Failure::from(error).to_string()),
        };
        checks.push(("rights".to_owned(), result));
    }
    if checks.is_empty() {
        checks.push(("rights".to_owned(), Ok(format!("experimentruns in {}", cluster.namespace))));
    }
    checks
}

/// Whether an operator has renewed its Lease; one that runs outside of the cluster has none.
async fn lease(cluster: &Cluster) -> Result<String, String> {
    match lease::holder(&cluster.client, names::OPERATOR, Wall::machine().now()).await {
        Ok(Some(namespace)) => Ok(format!("alive in {namespace}")),
        Ok(None) => Err(
            "no operator has renewed its Lease within 30s; install one, or use firedrill run --local"
                .to_owned(),
        ),
        Err(error) if error.code() == Some(403) => Ok("its Lease may not be read".to_owned()),
        Err(error) => Err(Failure::from(error).to_string()),
    }
}

async fn opted_in(cluster: &Cluster, config: Option<&Config>, operator_namespace: &str) -> Check {
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let name = &cluster.namespace;
    let config = config.cloned().unwrap_or_default();
    if let Some(why) = protected::by_name(name, &config, operator_namespace) {
        return ("namespace".to_owned(), Err(why));
    }
    let result = match call("read the namespace", namespaces.get_metadata(name)).await {
        Ok(found) => {
            let says = |label| found.labels().get(label).is_some_and(|value| value == "true");
            if let Some(why) = protected::by_label(name, found.labels()) {
                Err(why)
            } else if says(names::ENABLED) {
                Ok(format!("{name} has opted in"))
            } else {
                Err(format!("{name} has not opted in: firedrill enable {name}"))
            }
        }
        Err(error) if error.code() == Some(403) => Ok(format!("{name} may not be read")),
        Err(error) => Err(Failure::from(error).to_string()),
    };
    ("namespace".to_owned(), result)
}

async fn lever(cluster: &Cluster) -> Check {
    let levers: Api<SafetyLever> = Api::all(cluster.client.clone());
    let result = match call("read the lever", levers.get_opt(names::LEVER)).await {
        Ok(Some(lever)) if lever.spec.stops(&cluster.namespace) => {
            let by = lever.spec.by.unwrap_or_default();
            Err(format!("engaged by {by}; release it with: firedrill resume"))
        }
        Ok(_) => Ok("not engaged".to_owned()),
        Err(error) => Err(Failure::from(error).to_string()),
    };
    ("safety lever".to_owned(), result)
}

/// What can be reached from here.
async fn sources(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    for source in SOURCES {
        let name = source.channel.source;
        let Some(endpoint) = (source.endpoint)(config) else {
            checks.push((
                name.to_owned(),
                Err("is not configured: a miss will be Inconclusive".to_owned()),
            ));
            continue;
        };
        let answer = match Sockets::new(std::slice::from_ref(&endpoint)) {
            Ok(net) => net.get_json(&endpoint, (source.check)()).await.map(drop),
            Err(error) => Err(error.to_string()),
        };
        let result = match answer {
            Ok(()) => Ok(format!("answers here at {}", endpoint.url)),
            Err(error) => Err(format!("cannot be reached from here at {}: {error}", endpoint.url)),
        };
        checks.push((name.to_owned(), result));
    }
    checks
}
