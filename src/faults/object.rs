//! An object of the cluster that a fault changes, as it was read.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{mark::Mark, names};

/// The kinds of objects that faults change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// `apps/v1`.
    Deployment,
    /// `apps/v1`.
    StatefulSet,
    /// `apps/v1`.
    DaemonSet,
    /// `v1`.
    Service,
    /// `networking.k8s.io/v1`.
    NetworkPolicy,
}

impl Kind {
    /// Every kind, in the order in which they are swept.
    pub const ALL: [Self; 5] =
        [Self::Deployment, Self::StatefulSet, Self::DaemonSet, Self::Service, Self::NetworkPolicy];

    /// API group, version and plural name of the kind.
    #[must_use]
    pub const fn resource(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Deployment => ("apps", "v1", "deployments"),
            Self::StatefulSet => ("apps", "v1", "statefulsets"),
            Self::DaemonSet => ("apps", "v1", "daemonsets"),
            Self::Service => ("", "v1", "services"),
            Self::NetworkPolicy => ("networking.k8s.io", "v1", "networkpolicies"),
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Service => "Service",
            Self::NetworkPolicy => "NetworkPolicy",
        })
    }
}

/// An object as the API server has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// The whole object.
    pub value: Value,
}

impl Object {
    fn metadata(&self, key: &str) -> &str {
        self.value["metadata"][key].as_str().unwrap_or_default()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata("name")
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.metadata("namespace")
    }

    /// Its UID.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.metadata("uid")
    }

    /// Its version.
    #[must_use]
    pub fn resource_version(&self) -> &str {
        self.metadata("resourceVersion")
    }

    /// Whether it is being deleted.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        !self.metadata("deletionTimestamp").is_empty()
    }

    /// The value of the label by which faults exclude each other, whatever it says.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.value["metadata"]["labels"][names::FAULT].as_str()
    }

    /// The mark that it carries.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        self.label()?.parse().ok()
    }

    /// The value of an annotation.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.value["metadata"]["annotations"][name].as_str()
    }

    /// The names of its annotations.
    pub fn annotations(&self) -> impl Iterator<Item = &str> {
        self.value["metadata"]["annotations"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
    }
}
