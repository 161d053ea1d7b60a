//! What is not as it was when an objective was missed, as far as can be seen.

use std::collections::BTreeSet;

use crate::api::run::{ContentState, TargetState, WorkloadState};

/// Each difference in a few words. What is not known of both is no difference.
#[must_use]
pub fn changed(before: &TargetState, after: &TargetState) -> Vec<String> {
    let mut told = Vec::new();
    for was in &before.workloads {
        let same = |now: &&WorkloadState| (&now.kind, &now.name) == (&was.kind, &was.name);
        let name = format!("{} {}", was.kind, was.name);
        let Some(now) = after.workloads.iter().find(same) else {
            told.push(format!("{name} has no pods of the target any more"));
            continue;
        };
        if let (Some(from), Some(to)) = (was.replicas, now.replicas)
            && from != to
        {
            told.push(format!("replicas of {name}: {from} → {to}"));
        }
        if was.template_hash.is_some()
            && now.template_hash.is_some()
            && was.template_hash != now.template_hash
        {
            told.push(format!("pod template of {name}"));
        }
    }
    let (was, now): (BTreeSet<_>, BTreeSet<_>) =
        (before.images.iter().collect(), after.images.iter().collect());
    if !was.is_empty() && !now.is_empty() && was != now {
        told.push("images".to_owned());
    }
    for (what, was, now) in [
        ("ConfigMap", &before.config_maps, &after.config_maps),
        ("rule", &before.rules, &after.rules),
    ] {
        if let (Some(was), Some(now)) = (was, now) {
            contents(&mut told, what, was, now);
        }
    }
    told
}

fn contents(told: &mut Vec<String>, what: &str, before: &[ContentState], after: &[ContentState]) {
    for now in after.iter().filter(|now| now.hash.is_some()) {
        match before.iter().find(|was| was.name == now.name) {
            Some(was) if was.hash.is_some() && was.hash != now.hash => {
                told.push(format!("{what} {}", now.name));
            }
            Some(_) => {}
            None => told.push(format!("{what} {} is new", now.name)),
        }
    }
    let gone = |was: &&ContentState| !after.iter().any(|now| now.name == was.name);
    told.extend(before.iter().filter(gone).map(|was| format!("{what} {} is gone", was.name)));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn state(change: &Value) -> TargetState {
        let mut state = json!({
            "workloads": [{"kind": "Deployment", "name": "web", "replicas": 1, "templateHash": "t1"}],
            "images": ["web@sha256:1"], "configMaps": [{"name": "settings", "hash": "c1"}],
            "rules": [{"name": "WebDown", "hash": "r1"}],
        });
        for (key, value) in change.as_object().unwrap() {
            state[key] = value.clone();
        }
        serde_json::from_value(state).unwrap()
    }

    #[test]
    fn each_difference_is_told_once_and_what_is_not_known_is_none() {
        let before = state(&json!({}));
        for (change, told) in [
            (json!({}), vec![]),
            (
                json!({"workloads": [{"kind": "Deployment", "name": "web", "replicas": 2, "templateHash": "t2"}]}),
                vec!["replicas of Deployment web: 1 → 2", "pod template of Deployment web"],
            ),
            (json!({"workloads": [{"kind": "Deployment", "name": "web"}], "images": []}), vec![]),
            (json!({"images": ["web@sha256:2"]}), vec!["images"]),
            (
                json!({"configMaps": [{"name": "settings", "hash": "c2"}]}),
                vec!["ConfigMap settings"],
            ),
            (json!({"configMaps": [{"name": "settings"}]}), vec![]),
            (json!({"rules": [{"name": "WebDown", "hash": "r2"}]}), vec!["rule WebDown"]),
            (json!({"rules": null, "configMaps": null}), vec![]),
            (json!({"rules": []}), vec!["rule WebDown is gone"]),
            (
                json!({"rules": [{"name": "WebDown", "hash": "r1"}, {"name": "WebSlow", "hash": "r3"}]}),
                vec!["rule WebSlow is new"],
            ),
        ] {
            assert_eq!(changed(&before, &state(&change)), told, "{change}");
        }
    }
}
