//! What injecting needs, in the target's namespace: the rights of its `firedrill-runner`. The role
//! `edit` has every one of them, so that the runner is no way to more.

/// Verbs on a resource that the faults' harmful calls need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// API group; empty for the core one.
    pub group: &'static str,
    /// Resource, with its subresource where that is what is called.
    pub resource: &'static str,
    /// The verbs.
    pub verbs: &'static [&'static str],
}

/// Everything that faults do to a namespace; reverting is somebody else's right.
pub const RIGHTS: [Right; 7] = [
    Right { group: "", resource: "pods", verbs: &["delete"] },
    Right { group: "", resource: "pods/eviction", verbs: &["create"] },
    Right { group: "", resource: "services", verbs: &["patch"] },
    Right { group: "apps", resource: "deployments", verbs: &["patch"] },
    Right { group: "apps", resource: "statefulsets", verbs: &["patch"] },
    Right { group: "apps", resource: "daemonsets", verbs: &["patch"] },
    Right { group: "networking.k8s.io", resource: "networkpolicies", verbs: &["create", "patch"] },
];
