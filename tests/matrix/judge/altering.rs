//! Alters what the audit log has, for showing that a judge sees it.

use serde_json::{Value, json};

use super::audit::Event;

/// The first of those that were really done.
pub fn first(events: &[Event], is_it: impl Fn(&Event) -> bool) -> Event {
    events.iter().find(|event| event.is_committed() && is_it(event)).unwrap().clone()
}

/// The last of those that were really done.
pub fn last(events: &[Event], is_it: impl Fn(&Event) -> bool) -> Event {
    events.iter().rfind(|event| event.is_committed() && is_it(event)).unwrap().clone()
}

/// The same write so many versions later.
pub fn later(event: &Event, by: u64) -> Event {
    let version = (event.version() + by).to_string();
    event.altered("/responseObject/metadata/resourceVersion", json!(version))
}

/// Adds the first creation of that resource once more, with something else at that place.
pub fn again(events: &mut Vec<Event>, resource: &str, pointer: &str, value: Value) {
    let created = first(events, |event| event.is("create", resource));
    events.push(created.altered(pointer, value));
}

/// Puts something else at that place of all of those that were really done.
pub fn replace(events: &mut [Event], is_it: impl Fn(&Event) -> bool, pointer: &str, value: &Value) {
    for event in events.iter_mut().filter(|event| event.is_committed() && is_it(event)) {
        *event = event.altered(pointer, value.clone());
    }
}
