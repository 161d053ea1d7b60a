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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::faults::{
        Call, Kind,
        call::{Change, Exact},
    };

    const POLICY: &str = include_str!("../../charts/firedrill/templates/policies/requesters.yaml");

    /// A harmful call of every kind; `Call::needs` has an arm for each kind of call.
    fn harmful() -> Vec<Call> {
        let (name, uid) = (String::new(), String::new());
        let pod = Exact { name, uid, resource_version: String::new(), grace_seconds: None };
        let arm = |kind| {
            Call::Arm(Change { kind, name: String::new(), uid: String::new(), patch: Vec::new() })
        };
        let fixed =
            [Call::EvictPod(pod.clone()), Call::DeletePod(pod), Call::CreatePolicy(Value::Null)];
        fixed.into_iter().chain(Kind::ALL.map(arm)).collect()
    }

    /// The variable of the policy that asks for that right.
    fn variable(group: &str, resource: &str, verb: &str) -> Option<&'static str> {
        let asks = match resource.split_once('/') {
            Some((resource, sub)) => {
                format!("\"{group}\" \"{resource}\" \".subresource('{sub}')\" \"{verb}\"")
            }
            None => format!("\"{group}\" \"{resource}\" \"\" \"{verb}\""),
        };
        let line = POLICY.lines().find(|line| line.contains(&asks))?;
        line.split('"').nth(1)
    }

    #[test]
    fn the_runner_may_send_every_harmful_call_and_whoever_asks_for_it_must_have_the_right() {
        for call in harmful() {
            let (group, resource, verb) = call.needs().expect("it is harmful");
            let has = |right: &Right| {
                (right.group, right.resource) == (group, resource) && right.verbs.contains(&verb)
            };
            assert!(RIGHTS.iter().any(has), "RIGHTS in faults/rights.rs lacks {verb} {resource}");
            let asks = variable(group, resource, verb).unwrap_or_else(|| {
                panic!("policies/requesters.yaml asks for no {verb} {resource}")
            });
            let words = format!("\"{verb} {resource}\"");
            let rule = |line: &&str| line.contains(&words) && line.contains(asks);
            assert!(POLICY.lines().any(|line| rule(&line)), "no rule there needs {asks}");
            let any = POLICY.lines().find(|line| line.contains("variables.isKnown ||"));
            let any = any.expect("a fault that no rule names needs every right");
            assert!(any.contains(&format!("variables.{asks}")), "{asks} is missing in: {any}");
        }
    }
}
