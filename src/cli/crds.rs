//! `firedrill crds`: prints the custom resource definitions, fit for plain `kubectl apply` and, as
//! they are, for Helm.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;

use super::exit::{Exit, Failure};
use crate::api::definitions;

/// Prints every definition as one YAML stream.
///
/// # Errors
/// When a definition cannot be written as YAML.
pub fn crds() -> Result<Exit, Failure> {
    for definition in definitions() {
        print!("---\n{}", yaml(definition.clone())?);
    }
    Ok(Exit::Met)
}

/// One definition as YAML, with the labels that everything of ours has; Helm never deletes it, for
/// the debriefs would go with it.
///
/// # Errors
/// When it cannot be written as YAML.
pub fn yaml(mut definition: CustomResourceDefinition) -> Result<String, Failure> {
    definition.labels_mut().insert("app.kubernetes.io/name".to_owned(), "firedrill".to_owned());
    definition.annotations_mut().insert("helm.sh/resource-policy".to_owned(), "keep".to_owned());
    serde_saphyr::to_string(&definition).map_err(|error| {
        Failure::invalid(format!("{} cannot be written: {error}", definition.name_any()))
    })
}
