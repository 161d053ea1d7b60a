//! The `NetworkPolicy` of an egress outage: it allows everything but the dependency.
//!
//! `NetworkPolicies` only add permissions, so what is to be blocked is left out of what is allowed:
//! the dependency's pods by `NotIn` per key of their selector, and its addresses by `except`, since
//! some enforcers judge pods by their addresses too. DNS lies in another namespace and stays open.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    arming::{label_path, test},
    object::Object,
};
use crate::api::{experiment::Target, mark::Mark, names};

/// To what the connections of a target are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut<'a> {
    /// A Service of the namespace.
    Service(&'a str),
    /// A range of addresses.
    Range(&'a str),
}

/// What is to be blocked: the same with all that it takes to name it in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// A Service of the namespace.
    Service {
        /// The labels by which it selects its pods.
        selector: BTreeMap<String, String>,
        /// Its own address and those of its pods.
        addresses: BTreeSet<String>,
    },
    /// A range of addresses outside of the cluster.
    Range(String),
}

/// The spec of the policy while it is armed, for pods that `selector` (a `LabelSelector`) picks.
#[must_use]
pub fn armed(selector: &Value, namespace: &str, blocked: &Blocked) -> Value {
    json!({"podSelector": selector, "policyTypes": ["Egress"], "egress": [{"to": allowed(namespace, blocked)}]})
}

/// The same spec while it selects nothing.
#[must_use]
pub fn inert(mut spec: Value) -> Value {
    spec["podSelector"]["matchLabels"][names::INERT] = json!("true");
    spec
}

fn allowed(namespace: &str, blocked: &Blocked) -> Vec<Value> {
    match blocked {
        Blocked::Range(range) => vec![
            json!({"namespaceSelector": {}}),
            json!({"ipBlock": {"cidr": "0.0.0.0/0", "except": [range]}}),
        ],
        Blocked::Service { selector, addresses } => {
            let without = |(key, value): (&String, &String)| json!({"podSelector": {"matchExpressions": [{"key": key, "operator": "NotIn", "values": [value]}]}});
            let elsewhere = json!({"namespaceSelector": {"matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [namespace]}]}});
            let outside = [("0.0.0.0/0", false, 32), ("::/0", true, 128)]
                .map(|(cidr, v6, bits)| outside(cidr, addresses, v6, bits));
            selector.iter().map(without).chain([elsewhere]).chain(outside).collect()
        }
    }
}

/// Every address of a family but these; an empty `except` would be stored as none.
fn outside(cidr: &str, addresses: &BTreeSet<String>, v6: bool, bits: u8) -> Value {
    let of_family = addresses.iter().filter(|address| address.contains(':') == v6);
    let except: Vec<String> = of_family.map(|address| format!("{address}/{bits}")).collect();
    if except.is_empty() {
        json!({"ipBlock": {"cidr": cidr}})
    } else {
        json!({"ipBlock": {"cidr": cidr, "except": except}})
    }
}

/// The policy as it is created: inert, and born revoked, so that it can be armed and is swept.
#[must_use]
pub fn policy(name: &str, labels: &BTreeMap<String, String>, run: &str, spec: Value) -> Value {
    let mut labels = labels.clone();
    labels.insert(names::FAULT.to_owned(), Mark::revoked(run, 0).to_string());
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": labels},
        "spec": inert(spec),
    })
}

/// Whether a policy restricts egress: where somebody else's does, ours would open what it closes.
#[must_use]
pub fn restricts(policy: &Value) -> bool {
    let types = policy["spec"]["policyTypes"].as_array().map(Vec::as_slice).unwrap_or_default();
    types.iter().any(|kind| kind == "Egress") || !policy["spec"]["egress"].is_null()
}

/// Why the policy of that name, which restricts the egress of `target`, bars this way of breaking.
#[must_use]
pub fn barred(policy: &str, target: &Target) -> String {
    format!(
        "NetworkPolicy {policy} restricts the egress of {target}; another one would open what it closes. Use \
         blackhole or scaleToZero"
    )
}

/// Why a Service without selector cannot be blocked.
#[must_use]
pub fn unselected(service: &str) -> String {
    format!("Service {service} has no selector; use egress.cidr")
}

/// The patch that gives `object` this spec under the mark that it carries; absent when it has it. It
/// fails where somebody has changed the policy meanwhile.
#[must_use]
pub fn update(object: &Object, spec: &Value) -> Option<Vec<Value>> {
    let same = |key: &str| object.value["spec"][key] == spec[key];
    if same("egress") && same("podSelector") {
        return None;
    }
    let put = |key: &str| {
        let path = format!("/spec/{key}");
        let replace = json!({"op": "replace", "path": path, "value": spec[key]});
        [test(&path, &object.value["spec"][key]), replace]
    };
    let mut patch = vec![
        test("/metadata/uid", &json!(object.uid())),
        test(&label_path(), &json!(object.label())),
    ];
    patch.extend(["egress", "podSelector"].into_iter().flat_map(put));
    Some(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Blocked {
        Blocked::Service {
            selector: [("app".to_owned(), "db".to_owned())].into(),
            addresses: ["10.0.0.7".to_owned(), "fd00::7".to_owned()].into(),
        }
    }

    #[test]
    fn everything_is_allowed_but_the_dependency_by_its_labels_and_its_addresses() {
        let spec = armed(&json!({"matchLabels": {"app": "web"}}), "shop", &service());
        let to = &spec["egress"][0]["to"];
        assert_eq!(
            to[0]["podSelector"]["matchExpressions"][0],
            json!({"key": "app", "operator": "NotIn", "values": ["db"]})
        );
        assert_eq!(to[1]["namespaceSelector"]["matchExpressions"][0]["values"], json!(["shop"]));
        assert_eq!(to[2]["ipBlock"], json!({"cidr": "0.0.0.0/0", "except": ["10.0.0.7/32"]}));
        assert_eq!(to[3]["ipBlock"], json!({"cidr": "::/0", "except": ["fd00::7/128"]}));
    }

    #[test]
    fn a_policy_is_born_inert_and_revoked() {
        let spec = armed(&json!({"matchLabels": {"app": "web"}}), "shop", &service());
        let policy = policy("firedrill-deployment-web", &BTreeMap::new(), "run", spec);
        assert_eq!(policy["spec"]["podSelector"]["matchLabels"][names::INERT], "true");
        assert_eq!(policy["metadata"]["labels"][names::FAULT], "run.0.revoked");
    }

    #[test]
    fn a_policy_that_has_the_spec_needs_no_update_and_another_is_changed_as_it_was_seen_only() {
        let spec = armed(&json!({"matchLabels": {"app": "web"}}), "shop", &service());
        let value = json!({"metadata": {"uid": "u"}, "spec": spec});
        let object = super::super::Object { kind: super::super::Kind::NetworkPolicy, value };
        assert_eq!(update(&object, &spec), None);
        let written = update(&object, &inert(spec)).unwrap();
        for place in ["egress", "podSelector"] {
            let path = format!("/spec/{place}");
            assert!(written.contains(&test(&path, &object.value["spec"][place])), "{place}");
        }
    }
}
