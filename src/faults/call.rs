//! One request to the cluster, as data, and what became of it.

use serde_json::Value;

use super::object::{Kind, Object};

/// One request to the cluster; `namespace` is always the run's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Evict a pod; refused by its disruption budgets.
    EvictPod(Exact),
    /// Delete a pod.
    DeletePod(Exact),
    /// Put the revocation mark on a pod, which changes its version.
    MarkPod {
        /// Name of the pod.
        name: String,
        /// UID that it must have.
        uid: String,
        /// The mark.
        mark: String,
    },
    /// Create a `NetworkPolicy` that selects nothing yet.
    CreatePolicy(Value),
    /// Bring a `NetworkPolicy` that we created up to date, under the mark that it carries.
    UpdatePolicy(Change),
    /// Arm an object.
    Arm(Change),
    /// Disarm an object.
    Disarm(Change),
    /// Delete a ReplicaSet that carries a fault's template and has no replicas any more.
    DeleteReplicaSet(Exact),
    /// Delete a ControllerRevision that carries a fault's template and that no pod is made from.
    DeleteControllerRevision(Exact),
    /// Delete a pod that a StatefulSet left behind with a fault's template.
    FreePod(Exact),
}

/// A JSON Patch of one object, which tests what it is based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Kind of the object.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The operations.
    pub patch: Vec<Value>,
}

impl Change {
    /// That patch of that object.
    #[must_use]
    pub fn of(object: &Object, patch: Vec<Value>) -> Self {
        let (name, uid) = (object.name().to_owned(), object.uid().to_owned());
        Self { kind: object.kind, name, uid, patch }
    }
}

/// An exact object at an exact version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact {
    /// Its name.
    pub name: String,
    /// UID that it must have.
    pub uid: String,
    /// Version that it must have.
    pub resource_version: String,
    /// Seconds that it has to end; default its own.
    pub grace_seconds: Option<u32>,
}

impl Call {
    /// UID of the object that is called upon; empty for one that does not exist yet.
    #[must_use]
    pub fn uid(&self) -> &str {
        match self {
            Self::EvictPod(exact)
            | Self::DeletePod(exact)
            | Self::DeleteReplicaSet(exact)
            | Self::DeleteControllerRevision(exact)
            | Self::FreePod(exact) => &exact.uid,
            Self::MarkPod { uid, .. } => uid,
            Self::Arm(change) | Self::Disarm(change) | Self::UpdatePolicy(change) => &change.uid,
            Self::CreatePolicy(_) => "",
        }
    }

    /// Whether it breaks something or prepares that, and is therefore sent as the namespace's runner.
    #[must_use]
    pub const fn harms(&self) -> bool {
        self.needs().is_some()
    }

    /// API group, resource and verb that the namespace's runner needs for it, where it breaks something or
    /// prepares that.
    pub(super) const fn needs(&self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Self::EvictPod(_) => Some(("", "pods/eviction", "create")),
            Self::DeletePod(_) => Some(("", "pods", "delete")),
            Self::CreatePolicy(_) => {
                let (group, _, policies) = Kind::NetworkPolicy.resource();
                Some((group, policies, "create"))
            }
            Self::UpdatePolicy(change) | Self::Arm(change) => {
                let (group, _, resource) = change.kind.resource();
                Some((group, resource, "patch"))
            }
            Self::MarkPod { .. }
            | Self::Disarm(_)
            | Self::DeleteReplicaSet(_)
            | Self::DeleteControllerRevision(_)
            | Self::FreePod(_) => None,
        }
    }
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The API server accepted it.
    Accepted,
    /// The object is gone, or another one has its name.
    Gone,
    /// The object has changed since it was journaled.
    Changed,
    /// A disruption budget refused it, in its own words.
    Refused(String),
    /// The API server refused it for good, in its own words.
    Denied(String),
    /// Nobody knows: no answer in time, or an error that may have come after the act.
    Unknown(String),
}
