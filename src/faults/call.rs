//! One request to the cluster, as data, and what became of it.

/// One request to the cluster; `namespace` is always the run's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Evict a pod; refused by its disruption budgets.
    EvictPod(PodRef),
    /// Delete a pod.
    DeletePod(PodRef),
    /// Put the revocation mark on a pod, which changes its version.
    MarkPod {
        /// Name of the pod.
        name: String,
        /// UID that it must have.
        uid: String,
        /// The mark.
        mark: String,
    },
}

/// An exact pod at an exact version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRef {
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
    /// Whether it breaks something, and is therefore sent as the namespace's runner.
    #[must_use]
    pub const fn harms(&self) -> bool {
        match self {
            Self::EvictPod(_) | Self::DeletePod(_) => true,
            Self::MarkPod { .. } => false,
        }
    }

    /// UID of the object that is called upon.
    #[must_use]
    pub fn uid(&self) -> &str {
        match self {
            Self::EvictPod(pod) | Self::DeletePod(pod) => &pod.uid,
            Self::MarkPod { uid, .. } => uid,
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
