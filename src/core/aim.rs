//! What a fault would break: the exact objects, how many pods it takes and how many it leaves.

use serde_json::Value;

use super::{
    pods::Pod,
    selection,
    world::{Changeable, Scene, Target, World},
};
use crate::{
    api::{
        ExperimentSpec,
        run::{FieldChange, Victim},
    },
    faults::{self, Arming, Kind, Means, Object},
};

/// What a fault would break.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aim {
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

/// Takes aim in `world`, for `round` of the run of that UID.
#[must_use]
pub fn take(spec: &ExperimentSpec, world: &World, run: &str, round: i32) -> Aim {
    match faults::of(&spec.fault).means {
        Means::Take(taking) => {
            let taken = selection::wanted(taking.amount, world.pods.len());
            let seed = selection::seed(run);
            let victims = selection::choose(taking.order, &world.pods, &seed, round, taken);
            let left = ready(world, &victims);
            Aim { victims, taken, left, ..Aim::default() }
        }
        Means::Arm(arming) => match &world.scene {
            Some(scene) => at_object(arming, spec, world, scene, run),
            None => Aim { problem: Some("it was not looked at".to_owned()), ..Aim::default() },
        },
    }
}

fn ready(world: &World, victims: &[Victim]) -> usize {
    let taken = |pod: &Pod| victims.iter().any(|victim| victim.uid == pod.uid);
    world.pods.iter().filter(|pod| pod.ready && !taken(pod)).count()
}

fn at_object(
    arming: &dyn Arming,
    spec: &ExperimentSpec,
    world: &World,
    scene: &Scene,
    run: &str,
) -> Aim {
    let (kind, name) = arming.object(&spec.target);
    let label = format!("{} {name}", kind.to_string().to_lowercase());
    let fail = |problem: String| Aim { problem: Some(problem), ..Aim::default() };
    if let Some(Err(problem)) = &scene.policy {
        return fail(problem.clone());
    }
    let ready = ready(world, &[]);
    let object = match &scene.object {
        Changeable::Found(object) => object,
        Changeable::Unreadable(error) => return fail(format!("{label} cannot be read: {error}")),
        // A policy is created once every guard is open.
        Changeable::Missing if arming.cut().is_some() => {
            let victim = victim(kind, &name, None);
            return Aim { victims: vec![victim], left: ready, ..Aim::default() };
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
    let desired = match &world.target {
        Target::Found { desired, .. } => usize::try_from(*desired).unwrap_or(0),
        Target::Missing | Target::Unreadable(_) => 0,
    };
    let (kept, why) = arming.keeps(object, desired);
    let left = kept.min(ready);
    Aim {
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
