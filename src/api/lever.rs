//! `SafetyLever`: one switch that stops and reverts everything and refuses new runs.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The one switch of the cluster; absent means not engaged, unreadable means engaged.
#[derive(
    CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[kube(
    group = "firedrill.dev",
    version = "v1alpha1",
    kind = "SafetyLever",
    shortname = "fdlever",
    category = "firedrill",
    derive = "PartialEq",
    cel,
    doc = "One cluster-scoped switch, named cluster: engaged stops and reverts every run and refuses new ones.",
    validation = Rule::new("self.metadata.name == 'cluster'").message("the one SafetyLever is named cluster").field_path(".metadata.name"),
    printcolumn(name = "Engaged", type_ = "boolean", json_path = ".spec.engaged"),
    printcolumn(name = "By", type_ = "string", json_path = ".spec.by"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".spec.reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct SafetyLeverSpec {
    /// Whether everything is stopped; default false.
    #[serde(default)]
    pub engaged: bool,
    /// Why, for those who meet it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub reason: Option<String>,
    /// Who engaged or released it; the CLI fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub by: Option<String>,
    /// Where it works; default everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<LeverScope>,
}

/// Where the lever works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeverScope {
    /// The namespaces; empty means everywhere.
    #[serde(default)]
    #[schemars(length(max = 256), inner(length(max = 63)))]
    pub namespaces: Vec<String>,
}

impl SafetyLeverSpec {
    /// Whether it stops the runs of `namespace`.
    #[must_use]
    pub fn stops(&self, namespace: &str) -> bool {
        self.engaged
            && self.scope.as_ref().is_none_or(|scope| {
                scope.namespaces.is_empty() || scope.namespaces.iter().any(|name| name == namespace)
            })
    }
}
