//! What the owner of a namespace grants: so that faults can be injected there, the runner with what faults need and
//! the operator's way to act as it; and so that game days can start, the same with the starter.

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        core::v1::ServiceAccount,
        rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    api::names::{self, IMPERSONATOR, RUNNER, STARTER, STARTER_IMPERSONATOR},
    faults::rights::RIGHTS,
    shell::call::{Error, call},
};

/// The grants of one namespace.
#[derive(Clone, Debug)]
pub struct Grants {
    /// As whom the operator acts there.
    pub account: ServiceAccount,
    /// What the account may do, and that the operator may act as it.
    pub roles: [Role; 2],
    /// To whom the roles are given.
    pub bindings: [RoleBinding; 2],
}

impl Grants {
    /// What `namespace` grants to the operator of `operator_namespace` so that faults can be injected.
    #[must_use]
    pub fn of(namespace: &str, operator_namespace: &str) -> Self {
        let names = (RUNNER, IMPERSONATOR);
        Self::new((namespace, operator_namespace), names, injecting)
    }

    /// What it grants so that what nobody starts by hand can start: game days and their runs.
    #[must_use]
    pub fn scheduled(namespace: &str, operator_namespace: &str) -> Self {
        let names = (STARTER, STARTER_IMPERSONATOR);
        Self::new((namespace, operator_namespace), names, starting)
    }

    fn new(
        (namespace, operator_namespace): (&str, &str),
        (account, impersonator): (&str, &str),
        rules: fn(&str) -> Vec<PolicyRule>,
    ) -> Self {
        let role =
            |name: &str, rules| Role { metadata: metadata(name, namespace), rules: Some(rules) };
        let binding = |name: &str, (account, of): (&str, &str)| RoleBinding {
            metadata: metadata(name, namespace),
            role_ref: RoleRef {
                api_group: "rbac.authorization.k8s.io".to_owned(),
                kind: "Role".to_owned(),
                name: name.to_owned(),
            },
            subjects: Some(vec![Subject {
                kind: "ServiceAccount".to_owned(),
                name: account.to_owned(),
                namespace: Some(of.to_owned()),
                ..Subject::default()
            }]),
        };
        Self {
            account: ServiceAccount {
                metadata: metadata(account, namespace),
                automount_service_account_token: Some(false),
                ..ServiceAccount::default()
            },
            roles: [role(account, rules("")), role(impersonator, impersonating(account, rules))],
            bindings: [
                binding(account, (account, namespace)),
                binding(impersonator, (names::OPERATOR, operator_namespace)),
            ],
        }
    }

    /// Creates what is missing and brings the rest up to date, in an order in which nothing is
    /// possible before all of it is.
    ///
    /// # Errors
    /// When the user may not, or the API server does not answer.
    pub async fn apply(&self, client: &Client) -> Result<(), Error> {
        put(client, "create the ServiceAccount", &self.account).await?;
        for role in &self.roles {
            put(client, "create the Role", role).await?;
        }
        for binding in &self.bindings {
            put(client, "create the RoleBinding", binding).await?;
        }
        Ok(())
    }

    /// Takes all of it away, what stops injections at once first.
    ///
    /// # Errors
    /// When the user may not, or the API server does not answer.
    pub async fn remove(&self, client: &Client) -> Result<(), Error> {
        for binding in &self.bindings {
            take(client, "delete the RoleBinding", binding).await?;
        }
        for role in &self.roles {
            take(client, "delete the Role", role).await?;
        }
        take(client, "delete the ServiceAccount", &self.account).await
    }
}

fn metadata(name: &str, namespace: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some([("app.kubernetes.io/name".to_owned(), "firedrill".to_owned())].into()),
        ..ObjectMeta::default()
    }
}

/// The harmful calls of all faults, each verb with this prefix.
fn injecting(prefix: &str) -> Vec<PolicyRule> {
    let rule = |right: &crate::faults::rights::Right| PolicyRule {
        api_groups: Some(vec![right.group.to_owned()]),
        resources: Some(vec![right.resource.to_owned()]),
        verbs: right.verbs.iter().map(|verb| format!("{prefix}{verb}")).collect(),
        ..PolicyRule::default()
    };
    RIGHTS.iter().map(rule).collect()
}

/// What starts something that nobody starts by hand, each verb with this prefix.
fn starting(prefix: &str) -> Vec<PolicyRule> {
    let resources = ["experimentruns", "gamedayruns"].map(str::to_owned);
    vec![PolicyRule {
        api_groups: Some(vec![names::GROUP.to_owned()]),
        resources: Some(resources.to_vec()),
        verbs: vec![format!("{prefix}create")],
        ..PolicyRule::default()
    }]
}

/// Acting as that account: constrained to those calls, and the way of servers before 1.36.
fn impersonating(account: &str, rules: fn(&str) -> Vec<PolicyRule>) -> Vec<PolicyRule> {
    let acting = |group: &str, verb: &str| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec!["serviceaccounts".to_owned()]),
        resource_names: Some(vec![account.to_owned()]),
        verbs: vec![verb.to_owned()],
        ..PolicyRule::default()
    };
    let mut acts = vec![
        acting("authentication.k8s.io", "impersonate:serviceaccount"),
        acting("", "impersonate"),
    ];
    acts.extend(rules("impersonate-on:serviceaccount:"));
    acts
}

fn placed<K>(client: &Client, object: &K) -> (Api<K>, String)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    let metadata = object.meta();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    (Api::namespaced(client.clone(), namespace), metadata.name.clone().unwrap_or_default())
}

async fn put<K>(client: &Client, what: &'static str, object: &K) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Serialize
        + DeserializeOwned
        + std::fmt::Debug,
{
    let (api, name) = placed(client, object);
    let params = PatchParams::apply(names::CLI_MANAGER).force();
    call(what, api.patch(&name, &params, &Patch::Apply(object))).await.map(drop)
}

async fn take<K>(client: &Client, what: &'static str, object: &K) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let (api, name) = placed(client, object);
    match call(what, api.delete(&name, &DeleteParams::default())).await {
        Err(error) if error.code() == Some(404) => Ok(()),
        answer => answer.map(drop),
    }
}
