//! The NetworkPolicy of an egress outage: it allows everything but the dependency.
//!
//! NetworkPolicies only add permissions, so what is to be blocked is left out of what is allowed:
//! the dependency's pods by `NotIn` per key of their selector, and its addresses by `except`, since
//! some enforcers judge pods by their addresses too. DNS lies in another namespace and stays open.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::api::{mark::Mark, names};

/// What is to be blocked.
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

/// The spec of the policy while it is armed, for pods that `selector` (a LabelSelector) picks.
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
            let excepted = |v6: bool, bits: u8| -> Vec<String> {
                let of_family = addresses.iter().filter(|address| address.contains(':') == v6);
                of_family.map(|address| format!("{address}/{bits}")).collect()
            };
            let outside = [("0.0.0.0/0", excepted(false, 32)), ("::/0", excepted(true, 128))]
                .map(|(cidr, except)| json!({"ipBlock": {"cidr": cidr, "except": except}}));
            selector.iter().map(without).chain([elsewhere]).chain(outside).collect()
        }
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

/// Why a policy of somebody else's bars this way of breaking, if it does: it restricts the egress of
/// pods with these labels, and ours would open what it closes.
#[must_use]
pub fn restricts(policy: &Value) -> bool {
    let types = policy["spec"]["policyTypes"].as_array().map(Vec::as_slice).unwrap_or_default();
    types.iter().any(|kind| kind == "Egress") || !policy["spec"]["egress"].is_null()
}

/// The patch that gives `object` this spec under the mark that it carries; absent when it has it.
#[must_use]
pub fn update(object: &super::Object, spec: &Value) -> Option<Vec<Value>> {
    let same = |key: &str| object.value["spec"][key] == spec[key];
    if same("egress") && same("podSelector") {
        return None;
    }
    let test = |path: &str, value: &Value| json!({"op": "test", "path": path, "value": value});
    let put =
        |key: &str| json!({"op": "replace", "path": format!("/spec/{key}"), "value": spec[key]});
    let label = format!("/metadata/labels/{}", super::field::escape(names::FAULT));
    Some(vec![
        test("/metadata/uid", &json!(object.uid())),
        test(&label, &json!(object.label())),
        put("egress"),
        put("podSelector"),
    ])
}
