//! Arms and disarms one object by compare-and-swap, each in a single JSON Patch.
//!
//! The protocol is the one that was model-checked (ARCHITECTURE.md): arming tests the mark that was
//! journaled and every field's old value; disarming always writes a revocation, also when no fault is
//! to be seen, and restores a field only where it still holds our value.

use serde_json::{Map, Value, json};

use super::{
    field::{self, Place, escape},
    isolation::Cut,
    object::{Kind, Object},
};
use crate::api::{Moment, experiment::Target, mark::Mark, names, run::FieldChange};

/// Up to so many annotations of faults are removed one by one; those that an object may have of all our faults, one
/// after the other, are fewer.
const FEW_ANNOTATIONS: usize = 40;

/// What a fault says that changes fields of one object.
pub trait Arming {
    /// The object that is changed, where `target` is the experiment's.
    fn object(&self, target: &Target) -> (Kind, String);

    /// The fields that are changed on `object` by the run of that UID.
    ///
    /// # Errors
    /// In words for people, when the object has nothing to break in that way.
    fn fields(&self, object: &Object, run: &str) -> Result<Vec<FieldChange>, String>;

    /// How many of the target's `desired` pods Kubernetes itself would keep, and why.
    fn keeps(&self, object: &Object, desired: usize) -> (usize, String);

    /// The injection in a few words, such as `patch of replicas to 0`.
    fn verb(&self) -> &'static str;

    /// What the changed fields would do to `target`, where their values alone do not tell people, such as
    /// `Service db would select no pod`.
    fn consequence(&self, _target: &Target) -> Option<String> {
        None
    }

    /// To what the target's connections are cut, where the object is a `NetworkPolicy` of ours.
    fn cut(&self) -> Option<Cut<'_>> {
        None
    }

    /// What is looked at again beside the object when it changes.
    fn related(&self) -> Vec<Related<'_>> {
        Vec::new()
    }
}

/// What a live read depends on beside the object that is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Related<'a> {
    /// The endpoints of the Service of this name.
    Endpoints(&'a str),
    /// Every `NetworkPolicy` of the namespace.
    NetworkPolicies,
    /// Every pod of the namespace.
    Pods,
}

/// Why an object cannot be armed as it was journaled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Its mark is another one: the label's present value.
    Mark(Option<String>),
    /// The field of that name holds something else by now.
    Field(String),
}

/// The patch that arms `object`.
///
/// # Errors
/// When the object has changed since `previous` and `fields` were written down.
pub fn arm(
    object: &Object,
    previous: Option<&str>,
    mark: &Mark,
    deadline: Moment,
    fields: &[FieldChange],
) -> Result<Vec<Value>, Drift> {
    if object.label() != previous {
        return Err(Drift::Mark(object.label().map(str::to_owned)));
    }
    let mut patch = vec![test("/metadata/uid", &json!(object.uid()))];
    patch.extend(map_at(object, "labels"));
    patch.push(test(&label_path(), &json!(previous)));
    for change in fields {
        let drift = || Drift::Field(change.name.clone());
        let place = field::find(&object.value, &change.at).ok_or_else(drift)?;
        if place.value.unwrap_or(&Value::Null) != &change.was() {
            return Err(drift());
        }
        patch.extend(write(&place, &change.was(), &change.set()));
    }
    patch.push(add(&label_path(), &json!(mark.to_string())));
    patch.extend(map_at(object, "annotations"));
    patch.extend(forget(object));
    patch.push(annotate(names::DEADLINE, &deadline.to_string()));
    for change in fields {
        patch.push(annotate(&names::at(&change.name), &change.at));
        patch.push(annotate(&names::was(&change.name), &change.was));
        patch.push(annotate(&names::set(&change.name), &change.set));
    }
    Ok(patch)
}

/// The patch that revokes `mark` on `object` at `now`, and restores `fields` where they still hold our
/// value; one that holds something else by now is left alone.
#[must_use]
pub fn disarm(object: &Object, mark: &Mark, fields: &[FieldChange], now: Moment) -> Vec<Value> {
    let mut patch = vec![test("/metadata/uid", &json!(object.uid()))];
    patch.extend(map_at(object, "labels"));
    patch.push(test(&label_path(), &json!(object.label())));
    patch.extend(restore(object, fields));
    patch.push(add(&label_path(), &json!(mark.revocation().to_string())));
    patch.extend(forget(object));
    // What we created goes a while after its revocation, so that instant is kept.
    if object.kind == Kind::NetworkPolicy {
        patch.extend(map_at(object, "annotations"));
        patch.push(annotate(names::REVOKED_AT, &now.to_string()));
    }
    patch
}

/// The patch by which a person with sufficient rights restores `fields` where they hold our value.
#[must_use]
pub fn by_hand(object: &Object, fields: &[FieldChange]) -> Vec<Value> {
    restore(object, fields).filter(|operation| operation["op"] != "test").collect()
}

/// The operations that restore `fields` where they hold our value.
fn restore(object: &Object, fields: &[FieldChange]) -> impl Iterator<Item = Value> {
    let places = fields.iter().filter_map(|change| {
        let place = field::find(&object.value, &change.at).filter(|place| holds(place, change))?;
        Some(write(&place, &change.set(), &change.was()))
    });
    places.flatten()
}

/// Whether nothing of the fault is to be seen on `object`: no field holds our value, it carries no armed
/// mark and none of our annotations.
#[must_use]
pub fn is_clean(object: &Object, fields: &[FieldChange]) -> bool {
    !holds_any(object, fields)
        && object.mark().is_none_or(|mark| !mark.armed)
        && !object.annotations().any(names::is_of_fault)
}

/// Whether a field of `object` still holds our value.
#[must_use]
pub fn holds_any(object: &Object, fields: &[FieldChange]) -> bool {
    fields.iter().any(|change| {
        field::find(&object.value, &change.at).is_some_and(|place| holds(&place, change))
    })
}

fn holds(place: &Place<'_>, change: &FieldChange) -> bool {
    place.value.unwrap_or(&Value::Null) == &change.set()
}

/// When an armed object must be clean again; one that does not say it is due now.
#[must_use]
pub fn deadline(object: &Object) -> Option<Moment> {
    let text = object.annotation(names::DEADLINE)?;
    serde_json::from_value(json!(text)).ok()
}

/// The operations that take a field from one value to another; `null` stands for absent.
fn write(place: &Place<'_>, from: &Value, to: &Value) -> Vec<Value> {
    if from == to {
        return Vec::new();
    }
    let mut operations: Vec<Value> =
        place.premises.iter().map(|(pointer, value)| test(pointer, value)).collect();
    if !place.is_new_element() {
        operations.push(test(&place.pointer, from));
    }
    operations.push(match (from, to) {
        (_, Value::Null) => json!({"op": "remove", "path": place.pointer}),
        (Value::Null, to) => add(&place.pointer, &place.wrapped(to)),
        (_, to) => json!({"op": "replace", "path": place.pointer, "value": to}),
    });
    operations
}

/// The map of the metadata that is written to, where it is absent.
fn map_at(object: &Object, map: &str) -> Vec<Value> {
    let path = format!("/metadata/{map}");
    match object.value["metadata"][map] {
        Value::Null => vec![test(&path, &Value::Null), add(&path, &json!({}))],
        _ => Vec::new(),
    }
}

/// Takes a fault's annotations away. One that is not armed can have some: a ReplicaSet keeps the copies that
/// its controller made, and an undo brings them back.
fn forget(object: &Object) -> Vec<Value> {
    let ours: Vec<&str> = object.annotations().filter(|name| names::is_of_fault(name)).collect();
    let path = |name: &str| format!("/metadata/annotations/{}", escape(name));
    if ours.len() <= FEW_ANNOTATIONS {
        return ours.iter().map(|name| json!({"op": "remove", "path": path(name)})).collect();
    }
    // Somebody wrote more than any fault does. An object can have more than the 10,000 operations that the
    // API server takes in one patch.
    let all = &object.value["metadata"]["annotations"];
    let others =
        all.as_object().into_iter().flatten().filter(|(name, _)| !names::is_of_fault(name));
    let others: Map<_, _> = others.map(|(name, value)| (name.clone(), value.clone())).collect();
    let path = "/metadata/annotations";
    vec![test(path, all), json!({"op": "replace", "path": path, "value": others})]
}

/// Where the mark is.
pub(super) fn label_path() -> String {
    format!("/metadata/labels/{}", escape(names::FAULT))
}

fn annotate(name: &str, value: &str) -> Value {
    add(&format!("/metadata/annotations/{}", escape(name)), &json!(value))
}

fn add(path: &str, value: &Value) -> Value {
    json!({"op": "add", "path": path, "value": value})
}

/// `null` passes where nothing is (a JSON Patch of the API server is laxer than RFC 6902).
pub(super) fn test(path: &str, value: &Value) -> Value {
    json!({"op": "test", "path": path, "value": value})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_undo_brought_back_of_an_older_fault_goes_before_the_new_one_is_written_down() {
        let stale = names::was("replicas");
        let metadata = json!({"uid": "u", "annotations": {"note": "kept", stale.as_str(): "1"}});
        let value = json!({"metadata": metadata, "spec": {"paused": false}});
        let undone = Object { kind: Kind::Deployment, value };
        let mine = FieldChange::new("paused", "/spec/paused", &json!(false), &json!(true));
        let now = Moment::new(jiff::Timestamp::UNIX_EPOCH);
        let patch = arm(&undone, None, &Mark::armed("r", 1), now, &[mine]).unwrap();
        let at = |name: &str| format!("/metadata/annotations/{}", escape(name));
        let place = |op: &str, path: &str| {
            patch.iter().position(|found| found["op"] == op && found["path"] == path)
        };
        let gone = place("remove", &at(&stale)).expect("the old one is taken away");
        assert!(Some(gone) < place("add", &at(names::DEADLINE)));
        assert_eq!(place("remove", &at("note")), None);
    }

    /// An object with these annotations and this spec.
    fn annotated(annotations: impl IntoIterator<Item = (String, String)>, spec: &Value) -> Object {
        let annotations: Map<_, _> =
            annotations.into_iter().map(|(name, text)| (name, json!(text))).collect();
        let metadata =
            json!({"uid": "u", "labels": {names::FAULT: "r.1.armed"}, "annotations": annotations});
        Object { kind: Kind::Deployment, value: json!({"metadata": metadata, "spec": spec}) }
    }

    #[test]
    fn what_a_revert_creates_is_one_operation_however_much_of_it_is_absent() {
        let object = annotated([], &json!({}));
        let change = FieldChange::new("a", "/spec/a/b/c/d", &json!(1), &Value::Null);
        let patch = disarm(
            &object,
            &Mark::armed("r", 1),
            &[change],
            Moment::new(jiff::Timestamp::UNIX_EPOCH),
        );
        let adds: Vec<_> = patch.iter().filter(|found| found["path"] == "/spec/a").collect();
        assert_eq!(
            adds,
            [&test("/spec/a", &Value::Null), &add("/spec/a", &json!({"b": {"c": {"d": 1}}}))]
        );
        assert!(!patch.iter().any(|found| found["path"].as_str().unwrap().starts_with("/spec/a/")));
    }

    #[test]
    fn a_field_that_is_as_it_was_is_not_written() {
        let object = annotated([], &json!({"a": 1}));
        let same = FieldChange::new("a", "/spec/a", &json!(1), &json!(1));
        assert_eq!(by_hand(&object, &[same]), [] as [Value; 0]);
    }

    #[test]
    fn a_thousand_annotations_of_faults_go_in_two_operations() {
        let written = |count: usize| {
            let ours = (0..count).map(|number| (names::was(&number.to_string()), String::new()));
            let object =
                annotated(ours.chain([("note".to_owned(), "kept".to_owned())]), &json!({}));
            let operations = disarm(
                &object,
                &Mark::armed("r", 1),
                &[],
                Moment::new(jiff::Timestamp::UNIX_EPOCH),
            );
            let written = operations.into_iter().filter(|found| {
                found["path"].as_str().is_some_and(|path| path.starts_with("/metadata/annotations"))
            });
            (object, written.collect::<Vec<_>>())
        };
        assert_eq!(written(FEW_ANNOTATIONS).1.len(), FEW_ANNOTATIONS);
        let (object, two) = written(1000);
        let path = "/metadata/annotations";
        assert_eq!(two[0], test(path, &object.value["metadata"]["annotations"]));
        assert_eq!(two[1], json!({"op": "replace", "path": path, "value": {"note": "kept"}}));
        assert_eq!(two.len(), 2);
    }
}
