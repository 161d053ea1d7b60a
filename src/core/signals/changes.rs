//! The object that a fault changes, over time: whether it still holds the fault, and who ended that.

use serde_json::Value;

use crate::{
    api::{
        Duration, Moment,
        mark::Mark,
        names::{self, FIELD_MANAGER},
        run::{Ending, FieldChange, Journal},
    },
    core::span::Span,
    faults::{Object, arming, field},
};

/// What is known of the changed object, from a watch.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    fields: Vec<FieldChange>,
    previous_mark: Option<String>,
    held_at: Option<Moment>,
    ended: Option<Ending>,
}

impl Tracker {
    /// Sets what the fault of `journal` changes, and when it was `injected` if it was already.
    pub fn expect(&mut self, journal: &Journal, injected: Option<Moment>) {
        self.fields =
            journal.pre_image.as_ref().map_or_else(Vec::new, |image| image.fields.clone());
        self.previous_mark.clone_from(&journal.previous_mark);
        self.held_at = injected;
    }

    /// Takes up the object as it is at `now`.
    pub fn see(&mut self, object: &Object, now: Moment) {
        let armed = object.mark().is_some_and(|mark| mark.armed);
        // Who replaces the object by an older one takes our mark away too; a revert leaves its own.
        let label = object.label();
        let replaced = label.is_none() || label == self.previous_mark.as_deref();
        if self.fields.is_empty() || !(armed || replaced && self.held_at.is_some()) {
            return;
        }
        if arming::holds_any(object, &self.fields) {
            self.held_at = Some(now);
            self.ended = None;
        } else if self.ended.is_none() {
            self.ended = Some(self.ending(object, now));
        }
    }

    /// How the fault was ended by somebody else, if it was.
    #[must_use]
    pub const fn ended(&self) -> Option<&Ending> {
        self.ended.as_ref()
    }

    fn ending(&self, object: &Object, now: Moment) -> Ending {
        let manager = self.fields.iter().find_map(|change| last_manager(object, &change.at));
        let written_at = manager.as_ref().and_then(|manager| manager.at);
        // The API server's second begins before the write, so it bounds it from below.
        let not_before = self.held_at.max(written_at.filter(|at| *at <= now)).unwrap_or(now);
        let value = |change: &FieldChange| {
            field::find(&object.value, &change.at)
                .and_then(|place| place.value.cloned())
                .unwrap_or_default()
        };
        Ending {
            not_before,
            at: now,
            fields: self.fields.iter().map(|change| change.name.clone()).collect(),
            restored: self.fields.iter().all(|change| value(change) == change.was()),
            by: manager.map_or_else(|| "somebody".to_owned(), |manager| manager.name),
        }
    }
}

/// How one of ours ended a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When the API server accepted it; it writes down whole seconds.
    pub span: Span,
    /// Who it was, in words.
    pub by: &'static str,
}

/// How the fault of `mark` on `object` was ended, by who last wrote its mark (`metadata.managedFields`).
#[must_use]
pub fn revocation(object: &Object, mark: &Mark) -> Option<Revocation> {
    object.mark().filter(|found| *found == mark.revocation())?;
    let entries = object.value["metadata"]["managedFields"].as_array()?;
    let place = "/metadata/labels/firedrill.dev~1fault";
    let entry = entries.iter().find(|entry| owned(&entry["fieldsV1"], place))?;
    let second: Moment = serde_json::from_value(entry["time"].clone()).ok()?;
    let by = match entry["manager"].as_str() {
        Some(names::REAPER) => "the reaper",
        Some(names::REVOKE_MANAGER) => "`firedrill revoke`",
        _ => "an operator",
    };
    Some(Revocation { span: Span::new(second, second + Duration::seconds(1)), by })
}

/// Who wrote something, by `metadata.managedFields`.
struct Manager {
    name: String,
    at: Option<Moment>,
}

/// The last one who wrote the field at `path`, else the last one who wrote the spec at all; never we.
fn last_manager(object: &Object, path: &str) -> Option<Manager> {
    let entries = object.value["metadata"]["managedFields"].as_array()?;
    let foreign = || {
        entries.iter().filter(|entry| {
            entry["subresource"].is_null()
                && !entry["manager"].as_str().is_some_and(names::is_our_manager)
                && !entry["fieldsV1"]["f:spec"].is_null()
        })
    };
    let owns = |entry: &&Value| owned(&entry["fieldsV1"], path);
    let time = |entry: &&Value| entry["time"].as_str().map(str::to_owned);
    let entry = foreign().filter(owns).max_by_key(time).or_else(|| foreign().max_by_key(time))?;
    let text = |key: &str| entry[key].as_str().unwrap_or_default();
    Some(Manager {
        name: format!("{} ({})", text("manager"), text("operation")),
        at: serde_json::from_value(entry["time"].clone()).ok(),
    })
}

/// Whether we are the last who wrote the field at `path` of the spec.
#[must_use]
pub fn is_ours(object: &Object, path: &str) -> bool {
    let entries = object.value["metadata"]["managedFields"].as_array().into_iter().flatten();
    let mut ours = entries.filter(|entry| entry["manager"] == FIELD_MANAGER);
    ours.any(|entry| owned(&entry["fieldsV1"], path))
}

/// Whether `fields` (a `FieldsV1`) has the field at `path` or something around it as a whole.
fn owned(fields: &Value, path: &str) -> bool {
    let mut level = fields;
    for segment in path.split('/').skip(1) {
        let name = segment.rsplit_once("name=").map(|(_, name)| name);
        let plain = segment.replace("~1", "/").replace("~0", "~");
        let key = match name {
            Some(name) => format!("k:{{\"name\":\"{name}\"}}"),
            None => format!("f:{plain}"),
        };
        match level.get(&key) {
            Some(next) => level = next,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::run::PreImage, core::signals::pods::tests::at, faults::Kind};
    use serde_json::json;

    fn object(image: &str, mark: &str) -> Object {
        let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}}});
        let value = json!({
            "metadata": {
                "labels": if mark.is_empty() { json!({}) } else { json!({"firedrill.dev/fault": mark}) },
                "managedFields": [
                    {"manager": "kubectl-set", "operation": "Update", "time": "2027-01-15T08:00:03Z", "fieldsV1": fields},
                    {"manager": "other", "operation": "Apply", "time": "2027-01-15T08:00:09Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                ]},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}},
        });
        Object { kind: Kind::Deployment, value }
    }

    fn tracker() -> Tracker {
        let path = "/spec/template/spec/containers/name=web/image";
        let fields = vec![FieldChange::new("image", path, &json!("good"), &json!("bad"))];
        let journal = Journal {
            pre_image: Some(PreImage { fields, hash: String::new() }),
            previous_mark: Some("t.1.revoked".to_owned()),
            ..Journal::default()
        };
        let mut tracker = Tracker::default();
        tracker.expect(&journal, None);
        tracker
    }

    #[test]
    fn a_fix_is_seen_with_its_bounds_and_who_made_it() {
        let mut tracker = tracker();
        tracker.see(&object("bad", "u.1.armed"), at(1.0));
        assert_eq!(tracker.ended(), None);
        tracker.see(&object("good", "u.1.armed"), at(3.5));
        let ended = tracker.ended().unwrap();
        assert_eq!((ended.not_before, ended.at), (at(3.0), at(3.5)));
        assert_eq!((ended.restored, ended.by.as_str()), (true, "kubectl-set (Update)"));
    }

    #[test]
    fn our_own_revert_is_no_fix_of_others() {
        let mut tracker = tracker();
        tracker.see(&object("bad", "u.1.armed"), at(1.0));
        tracker.see(&object("good", "u.1.revoked"), at(3.5));
        assert_eq!(tracker.ended(), None);
    }

    #[test]
    fn who_replaces_the_object_is_told_although_the_mark_goes_too() {
        for mark in ["t.1.revoked", ""] {
            let mut tracker = tracker();
            tracker.see(&object("good", mark), at(0.5));
            assert_eq!(tracker.ended(), None, "nothing was armed yet");
            tracker.see(&object("bad", "u.1.armed"), at(1.0));
            tracker.see(&object("good", mark), at(3.5));
            assert_eq!(tracker.ended().unwrap().by, "kubectl-set (Update)");
        }
    }

    #[test]
    fn who_has_ended_a_fault_and_when_stands_on_the_object() {
        let label = json!({"f:metadata": {"f:labels": {"f:firedrill.dev/fault": {}}}});
        let revoked = |manager: &str, mark: &str| {
            let mut object = object("good", mark);
            object.value["metadata"]["managedFields"] = json!([
                {"manager": "firedrill", "operation": "Update", "time": "2027-01-15T08:00:09Z", "fieldsV1": {"f:spec": {}}},
                {"manager": manager, "operation": "Update", "time": "2027-01-15T08:00:03Z", "fieldsV1": label},
            ]);
            revocation(&object, &Mark::armed("u", 1))
        };
        let found = |by| Some(Revocation { span: Span::new(at(3.0), at(4.0)), by });
        assert_eq!(revoked("firedrill-reaper", "u.1.revoked"), found("the reaper"));
        assert_eq!(revoked("firedrill-revoke", "u.1.revoked"), found("`firedrill revoke`"));
        assert_eq!(revoked("firedrill", "u.1.revoked"), found("an operator"));
        assert_eq!(revoked("firedrill", "u.1.armed"), None);
        assert_eq!(revoked("firedrill", "other.1.revoked"), None);
    }

    #[test]
    fn a_fix_that_is_taken_back_is_none() {
        let mut tracker = tracker();
        tracker.see(&object("newer", "u.1.armed"), at(2.0));
        assert!(!tracker.ended().unwrap().restored);
        tracker.see(&object("bad", "u.1.armed"), at(4.0));
        assert_eq!(tracker.ended(), None);
    }
}
