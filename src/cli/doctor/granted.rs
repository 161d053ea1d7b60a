//! Whether the namespace lets the operator inject there, and start game days: every grant of `firedrill enable`, as
//! the API server judges it.

use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, ResourceAttributes, SubjectAccessReviewSpec,
};
use kube::{Api, api::PostParams};

use super::{Check, Cluster, Failure};
use crate::{
    api::names::{self, RUNNER, STARTER},
    faults::rights::RIGHTS,
    shell::call::{Error, call},
};

/// Asks about the operator's way to the runner, then about the runner's rights.
pub(super) async fn check(cluster: &Cluster, operator_namespace: &str) -> Check {
    let namespace = &cluster.namespace;
    let result = match missing(cluster, operator_namespace).await {
        Ok(None) => Ok(format!("{namespace} lets the operator inject as {RUNNER}")),
        Ok(Some(missing)) => Err(format!(
            "{missing} in {namespace}; its owner can grant that: firedrill enable {namespace}"
        )),
        Err(error) if error.code() == Some(403) => {
            Ok("may not be asked by you, taken as granted".to_owned())
        }
        Err(error) => Err(Failure::from(error).to_string()),
    };
    ("grants".to_owned(), result)
}

/// Asks the same about what starts game days.
pub(super) async fn scheduled(cluster: &Cluster, operator_namespace: &str) -> Check {
    let namespace = &cluster.namespace;
    let result = match missing_of_starter(cluster, operator_namespace).await {
        Ok(None) => Ok(format!("{namespace} lets the operator start game days as {STARTER}")),
        Ok(Some(missing)) => Err(format!(
            "{missing} in {namespace}; who may start runs can grant that: firedrill enable {namespace} --scheduled"
        )),
        Err(error) if error.code() == Some(403) => {
            Ok("may not be asked by you, taken as granted".to_owned())
        }
        Err(error) => Err(Failure::from(error).to_string()),
    };
    ("game days".to_owned(), result)
}

async fn missing_of_starter(
    cluster: &Cluster,
    operator_namespace: &str,
) -> Result<Option<String>, Error> {
    if let Some(missing) = no_way(cluster, operator_namespace, STARTER).await? {
        return Ok(Some(missing));
    }
    let starter = names::account_user(&cluster.namespace, STARTER);
    for resource in ["experimentruns", "gamedayruns"] {
        if !allowed(cluster, &starter, attributes(cluster, names::GROUP, resource, "create"))
            .await?
        {
            return Ok(Some(format!("{STARTER} may not create {resource}")));
        }
    }
    Ok(None)
}

/// The first grant that is missing.
async fn missing(cluster: &Cluster, operator_namespace: &str) -> Result<Option<String>, Error> {
    if let Some(missing) = no_way(cluster, operator_namespace, RUNNER).await? {
        return Ok(Some(missing));
    }
    let runner = names::account_user(&cluster.namespace, names::RUNNER);
    for right in RIGHTS {
        for verb in right.verbs {
            let asked = attributes(cluster, right.group, right.resource, verb);
            if !allowed(cluster, &runner, asked).await? {
                return Ok(Some(format!("{RUNNER} may not {verb} {}", right.resource)));
            }
        }
    }
    Ok(None)
}

/// Says so where the operator may not act as that account.
async fn no_way(
    cluster: &Cluster,
    operator_namespace: &str,
    account: &str,
) -> Result<Option<String>, Error> {
    let operator = names::account_user(operator_namespace, names::OPERATOR);
    let way = |group: &str, verb: &str| ResourceAttributes {
        name: Some(account.to_owned()),
        ..attributes(cluster, group, "serviceaccounts", verb)
    };
    // The constrained way, or that of servers before 1.36.
    let may =
        allowed(cluster, &operator, way("authentication.k8s.io", "impersonate:serviceaccount"))
            .await?
            || allowed(cluster, &operator, way("", "impersonate")).await?;
    Ok((!may).then(|| format!("{operator} may not act as {account}")))
}

fn attributes(cluster: &Cluster, group: &str, resource: &str, verb: &str) -> ResourceAttributes {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    ResourceAttributes {
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: Some(subresource.to_owned()),
        namespace: Some(cluster.namespace.clone()),
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    }
}

async fn allowed(cluster: &Cluster, user: &str, asked: ResourceAttributes) -> Result<bool, Error> {
    let reviews: Api<LocalSubjectAccessReview> =
        Api::namespaced(cluster.writes.clone(), &cluster.namespace);
    let mut review = LocalSubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.to_owned()),
            resource_attributes: Some(asked),
            ..SubjectAccessReviewSpec::default()
        },
        ..LocalSubjectAccessReview::default()
    };
    review.metadata.namespace = Some(cluster.namespace.clone());
    let answer = call("ask for rights", reviews.create(&PostParams::default(), &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
