//! The API server's audit log: who wrote what, when, and what came of it.

use std::{
    collections::HashSet,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::Path,
};

use jiff::Timestamp;
use serde_json::Value;

/// One request with its answer.
#[derive(Clone, Debug)]
pub struct Event(Value);

impl Event {
    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn id(&self) -> &str {
        self.text("/auditID")
    }

    pub fn user(&self) -> &str {
        self.text("/user/username")
    }

    pub fn verb(&self) -> &str {
        self.text("/verb")
    }

    pub fn name(&self) -> &str {
        self.text("/objectRef/name")
    }

    pub fn code(&self) -> u64 {
        self.0.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default()
    }

    pub fn namespace(&self) -> &str {
        self.text("/objectRef/namespace")
    }

    /// With its subresource, such as `pods/eviction`.
    pub fn resource(&self) -> String {
        match (self.text("/objectRef/resource"), self.text("/objectRef/subresource")) {
            (resource, "") => resource.to_owned(),
            (resource, subresource) => format!("{resource}/{subresource}"),
        }
    }

    /// When the API server got the request; sorts as text.
    pub fn received(&self) -> &str {
        self.text("/requestReceivedTimestamp")
    }

    /// When the API server had done it.
    pub fn completed(&self) -> Timestamp {
        self.text("/stageTimestamp").parse().unwrap()
    }

    pub fn request(&self) -> &Value {
        &self.0["requestObject"]
    }

    pub fn response(&self) -> &Value {
        &self.0["responseObject"]
    }

    pub fn is_write(&self) -> bool {
        !matches!(self.verb(), "get" | "list" | "watch")
    }

    /// Whether the API server did it.
    pub fn is_committed(&self) -> bool {
        let is_rehearsal = self.text("/requestURI").contains("dryRun=All");
        self.is_write() && !is_rehearsal && (200..300).contains(&self.code())
    }

    /// The same with something else at that place, for showing that a judge sees it.
    pub fn altered(&self, pointer: &str, value: Value) -> Self {
        let mut other = self.clone();
        *other.0.pointer_mut(pointer).unwrap() = value;
        other
    }

    /// The version of the object that it made.
    pub fn version(&self) -> u64 {
        let version = self.text("/responseObject/metadata/resourceVersion");
        version.parse().unwrap_or_default()
    }

    /// Whether it is this verb on this resource.
    pub fn is(&self, verb: &str, resource: &str) -> bool {
        self.verb() == verb && self.resource() == resource
    }
}

/// What that user wrote or tried to write.
pub fn writes<'a>(events: &'a [Event], user: &str) -> impl Iterator<Item = &'a Event> {
    events.iter().filter(move |event| event.is_write() && event.user() == user)
}

/// What was really done of this, in the order of its versions.
pub fn done<'a>(events: &'a [Event], verb: &str, resource: &str) -> Vec<&'a Event> {
    let is_it = |event: &&Event| event.is(verb, resource) && event.is_committed();
    let mut found: Vec<&Event> = events.iter().filter(is_it).collect();
    found.sort_by_key(|event| event.version());
    found
}

/// Where the log ends now.
pub fn end(log: &Path) -> u64 {
    std::fs::metadata(log).unwrap().len()
}

/// Every whole line from `start` on that is about the namespace or has one of the ids, in the order
/// in which the API server got the requests.
pub fn read(log: &Path, start: u64, namespace: &str, ids: &HashSet<String>) -> Vec<Event> {
    let mut file = File::open(log).unwrap();
    file.seek(SeekFrom::Start(start)).unwrap();
    let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
    let lines = lines.filter_map(|line| String::from_utf8(line).ok());
    let event = |line: String| {
        let known = line.contains(namespace) || ids.contains(id(&line));
        // A last line that is still being written is read by the next call.
        known.then(|| serde_json::from_str(&line).ok().map(Event)).flatten()
    };
    let mut events: Vec<Event> = lines.filter_map(event).collect();
    events.sort_by(|one, other| one.received().cmp(other.received()));
    events
}

fn id(line: &str) -> &str {
    let rest = line.split_once("\"auditID\":\"").map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default()
}
