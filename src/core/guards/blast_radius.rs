//! What a fault would break: the exact objects, how many pods it takes and how many it leaves.

use serde_json::Value;

use crate::{
    api::{
        ExperimentSpec,
        run::{FieldChange, Victim},
    },
    core::{
        cluster::{Changeable, ClusterState, FaultReads, Target},
        guards::selection,
        signals::pods::Pod,
    },
    faults::{self, Arming, Kind, Means, Object},
};

/// What a fault would break.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlastRadius {
    /// The exact objects.
    pub victims: Vec<Victim>,
    /// The fields that are changed; none for a fault that takes pods away.
    pub fields: Vec<FieldChange>,
    /// How many pods it takes.
    pub taken: usize,
    /// How many ready pods it leaves.
    pub left: usize,
    /// Why so many, where that is not plain.
    pub why: Option<String>,
    /// Why it cannot be done at all.
    pub problem: Option<String>,
}

/// What the fault of `spec` would break in `cluster`, in `round` of the run of that UID.
#[must_use]
pub fn estimate(
    spec: &ExperimentSpec,
    cluster: &ClusterState,
    run: &str,
    round: i32,
) -> BlastRadius {
    match faults::behaviour(&spec.fault).means {
        Means::Take(taking) => {
            let taken = selection::wanted(taking.amount, cluster.pods.len());
            let seed = selection::seed(run);
            let victims = selection::choose(taking.order, &cluster.pods, &seed, round, taken);
            let left = ready(cluster, &victims);
            BlastRadius { victims, taken, left, ..BlastRadius::default() }
        }
        Means::Arm(arming) => match &cluster.fault_reads {
            Some(fault_reads) => at_object(arming, spec, cluster, fault_reads, run),
            None => BlastRadius {
                problem: Some("it was not looked at".to_owned()),
                ..BlastRadius::default()
            },
        },
    }
}

fn ready(cluster: &ClusterState, victims: &[Victim]) -> usize {
    let taken = |pod: &Pod| victims.iter().any(|victim| victim.uid == pod.uid);
    cluster.pods.iter().filter(|pod| pod.ready && !taken(pod)).count()
}

fn at_object(
    arming: &dyn Arming,
    spec: &ExperimentSpec,
    cluster: &ClusterState,
    fault_reads: &FaultReads,
    run: &str,
) -> BlastRadius {
    let (kind, name) = arming.object(&spec.target);
    let label = format!("{} {name}", kind.to_string().to_lowercase());
    let fail = |problem: String| BlastRadius { problem: Some(problem), ..BlastRadius::default() };
    if let Some(Err(problem)) = &fault_reads.policy {
        return fail(problem.clone());
    }
    let ready = ready(cluster, &[]);
    let object = match &fault_reads.object {
        Changeable::Found(object) => object,
        Changeable::Unreadable(error) => return fail(format!("{label} cannot be read: {error}")),
        // A policy is created once every guard is open.
        Changeable::Missing if arming.cut().is_some() => {
            let victim = victim(kind, &name, None);
            return BlastRadius { victims: vec![victim], left: ready, ..BlastRadius::default() };
        }
        Changeable::Missing => return fail(format!("there is no {label} in this namespace")),
    };
    let fields = match arming.fields(object, run) {
        Ok(fields) => fields,
        Err(problem) => return fail(format!("{label}: {problem}")),
    };
    if let Some(field) = fields.iter().find(|field| !can_be_compared(&field.was())) {
        let name = &field.name;
        return fail(format!(
            "{label}: its {name} holds a control character, so the admission policies could not compare what restores it"
        ));
    }
    let desired = match &cluster.target {
        Target::Found { desired, .. } => usize::try_from(*desired).unwrap_or(0),
        Target::Missing | Target::Unreadable(_) => 0,
    };
    let (kept, why) = arming.keeps(object, desired);
    let left = kept.min(ready);
    BlastRadius {
        victims: vec![victim(kind, &name, Some(object))],
        fields,
        taken: ready.saturating_sub(left),
        left,
        why: Some(why),
        problem: None,
    }
}

/// Whether CEL quotes every text of the value as JSON does.
fn can_be_compared(value: &Value) -> bool {
    let plain = |text: &str| {
        text.chars().all(|c| c >= ' ' || matches!(c, '\u{8}' | '\t' | '\n' | '\u{c}' | '\r'))
    };
    match value {
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().all(can_be_compared),
        Value::Object(map) => map.iter().all(|(key, value)| plain(key) && can_be_compared(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

fn victim(kind: Kind, name: &str, object: Option<&Object>) -> Victim {
    let text = |read: fn(&Object) -> &str| object.map(read).unwrap_or_default().to_owned();
    Victim {
        kind: kind.to_string(),
        name: name.to_owned(),
        uid: text(Object::uid),
        resource_version: text(Object::resource_version),
        node: None,
        ready: true,
        created_at: None,
        round: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_with_a_character_that_cel_quotes_otherwise_cannot_be_restored_under_the_policies() {
        let fine = json!({"command": ["sh", "-c", "printf 'a\tb\n\u{8}\u{c}\r' > /tmp/é"], "n": 1});
        assert!(can_be_compared(&fine));
        for bad in ["\u{7}", "\u{b}", "\u{1b}[0m", "\0"] {
            assert!(!can_be_compared(&json!({"command": ["sh", bad]})), "{bad:?}");
        }
    }
}
