//! Creates what nobody starts by hand, as `firedrill-starter` of the namespace: the API server judges at each time whether
//! that may be.

use std::fmt::Debug;

use kube::{Api, Client, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    call::{Error, call},
    clients,
    context::Context,
};
use crate::api::names;

/// What became of asking for an object.
pub enum Creation<K> {
    /// It was created now.
    Created(K),
    /// One of that name is there.
    Known,
    /// The API server did not let us; why.
    Refused(String),
}

/// Creates the object, or asks whether it would be created.
///
/// # Errors
/// When it is not known whether it was created.
pub async fn create<K>(
    context: &Context,
    what: &'static str,
    namespace: &str,
    object: &K,
    dry_run: bool,
) -> Result<Creation<K>, Error>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
{
    let client: Client = context.starter(namespace);
    let objects: Api<K> = Api::namespaced(client, namespace);
    let params = PostParams { dry_run, field_manager: Some(names::FIELD_MANAGER.to_owned()) };
    match call(what, objects.create(&params, object)).await {
        Ok(created) => Ok(Creation::Created(created)),
        Err(error) => match error.code() {
            Some(409) => Ok(Creation::Known),
            Some(400 | 403 | 404 | 422) => {
                Ok(Creation::Refused(clients::not_started(&error.words(), namespace)))
            }
            _ => Err(error),
        },
    }
}
