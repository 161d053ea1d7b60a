//! The objects of the simulated API server, with their versions and everything that ever changed.

use std::{collections::BTreeMap, sync::Arc};

use axum::body::Bytes;
use firedrill::api::names;
use serde_json::{Value, json};

/// Where an object is kept: its resource (`pods`, `deployments.apps`), namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub resource: String,
    pub namespace: String,
    pub name: String,
}

impl Key {
    /// The resource of runs.
    pub const RUNS: &str = "experimentruns.firedrill.dev";
    /// The resource of days.
    pub const DAYS: &str = "gamedayruns.firedrill.dev";

    pub fn new(resource: &str, namespace: &str, name: &str) -> Self {
        Self { resource: resource.into(), namespace: namespace.into(), name: name.into() }
    }

    pub fn run(name: &str) -> Self {
        Self::new(Self::RUNS, "shop", name)
    }

    pub fn day(name: &str) -> Self {
        Self::new(Self::DAYS, "shop", name)
    }

    pub fn plan() -> Self {
        Self::new("gamedays.firedrill.dev", "shop", "plan")
    }

    pub fn lever() -> Self {
        Self::new("safetylevers.firedrill.dev", "", names::LEVER)
    }

    pub fn namespace() -> Self {
        Self::new("namespaces", "", "shop")
    }
}

/// An object as it was at one version.
#[derive(Clone)]
pub struct Object {
    pub value: Arc<Value>,
    /// The same as it is sent.
    pub bytes: Bytes,
}

impl From<Value> for Object {
    fn from(value: Value) -> Self {
        Self { bytes: value.to_string().into(), value: Arc::new(value) }
    }
}

/// One change of one object.
pub struct Change {
    pub version: u64,
    pub key: Key,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub kind: &'static str,
    pub object: Object,
}

/// Every object and every change.
#[derive(Default)]
pub struct Store {
    version: u64,
    objects: BTreeMap<Key, Object>,
    history: Vec<Change>,
}

impl Store {
    pub const fn version(&self) -> u64 {
        self.version
    }

    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key).map(|object| &*object.value)
    }

    pub fn object(&self, key: &Key) -> Option<&Object> {
        self.objects.get(key)
    }

    /// The objects of a resource; an empty namespace stands for all.
    pub fn list(&self, resource: &str, namespace: &str) -> Vec<(&Key, &Object)> {
        let wanted = |(key, _): &(&Key, &Object)| is_of(key, resource, namespace);
        self.objects.iter().filter(wanted).collect()
    }

    /// The same as it was at an earlier version.
    pub fn list_at(&self, resource: &str, namespace: &str, version: u64) -> Vec<(&Key, &Object)> {
        let mut objects = BTreeMap::new();
        for change in self.history.iter().take_while(|change| change.version <= version) {
            if !is_of(&change.key, resource, namespace) {
                continue;
            }
            match change.kind {
                "DELETED" => objects.remove(&change.key),
                _ => objects.insert(&change.key, &change.object),
            };
        }
        objects.into_iter().collect()
    }

    /// The changes of a resource after one version, up to another.
    pub fn changes<'a>(
        &'a self,
        resource: &'a str,
        namespace: &'a str,
        (after, upto): (u64, u64),
    ) -> impl Iterator<Item = &'a Change> {
        let first = self.history.partition_point(|change| change.version <= after);
        self.history[first..]
            .iter()
            .take_while(move |change| change.version <= upto)
            .filter(move |change| is_of(&change.key, resource, namespace))
    }

    /// Keeps an object under a new version.
    pub fn put(&mut self, key: &Key, value: Value) -> Object {
        let kind = if self.objects.contains_key(key) { "MODIFIED" } else { "ADDED" };
        let object = self.record(key, kind, value);
        self.objects.insert(key.clone(), object.clone());
        object
    }

    /// Keeps an object no longer.
    pub fn remove(&mut self, key: &Key) -> Option<Object> {
        let value = Value::clone(&self.objects.remove(key)?.value);
        Some(self.record(key, "DELETED", value))
    }

    fn record(&mut self, key: &Key, kind: &'static str, mut value: Value) -> Object {
        self.version += 1;
        value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Object::from(value);
        let change =
            Change { version: self.version, key: key.clone(), kind, object: object.clone() };
        self.history.push(change);
        object
    }
}

fn is_of(key: &Key, resource: &str, namespace: &str) -> bool {
    key.resource == resource && (namespace.is_empty() || key.namespace == namespace)
}
