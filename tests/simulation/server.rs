//! What the simulated API server does with a call that reached it.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    answer::Answer,
    call::Call,
    judge, patch,
    plant::Plant,
    store::{Key, Object},
    world::World,
};

impl World {
    /// Does what `call` asks and answers it.
    pub fn serve(&mut self, call: &Call) -> Answer {
        let answer = match (&call.method, call.subresource.as_str()) {
            (&Method::GET, _) if call.is_watch() => self.watch(call),
            (&Method::GET, _) if call.key.name.is_empty() => self.list(call),
            (&Method::GET, _) => self.read(call),
            (&Method::POST, "eviction") => self.evict(call),
            (&Method::POST, _) => self.create(call),
            (&Method::PATCH, _) => self.patch(call),
            (&Method::DELETE, _) => self.delete(call),
            _ => Answer::refusal(405, "MethodNotAllowed", "no such call", &[]),
        };
        self.trace((call.identity(), answer.code()));
        match answer.code() {
            409 if call.is_kill() => self.tally.count("kill fenced off"),
            409 => self.tally.count("conflict"),
            429 => self.tally.count("budget refused"),
            _ => {}
        }
        answer
    }

    fn read(&mut self, call: &Call) -> Answer {
        if let Some((code, body)) = self.remembered.get(&call.key) {
            return Answer::Body(*code, body.clone());
        }
        let found = self.store.object(&call.key).map_or_else(Answer::not_found, Answer::object);
        if let Answer::Body(code, body) = &found
            && self.plant.is_some_and(|plant| plant.caches(&call.key))
        {
            self.remembered.insert(call.key.clone(), (*code, body.clone()));
        }
        found
    }

    fn list(&mut self, call: &Call) -> Answer {
        let (resource, namespace) = (&call.key.resource, &call.key.namespace);
        let version = self.list_version(call);
        let found = if version == self.store.version() {
            self.store.list(resource, namespace)
        } else {
            self.store.list_at(resource, namespace, version)
        };
        let (labels, fields) = (call.option("labelSelector"), call.option("fieldSelector"));
        let chosen = |object: &Value| {
            selects(labels.as_deref(), object) && has_fields(fields.as_deref(), object)
        };
        let hidden = self.plant == Some(Plant::CachedLever) && *resource == Key::lever().resource;
        let items = found.into_iter().filter(|(_, object)| !hidden && chosen(&object.value));
        let items: Vec<&[u8]> = items.map(|(_, object)| &*object.bytes).collect();
        let mut body = format!(
            r#"{{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"{version}"}},"items":["#
        )
        .into_bytes();
        body.extend(items.join(&b','));
        body.extend(b"]}");
        Answer::Body(StatusCode::OK, body.into())
    }

    /// The list that a controller's watch begins with may be an old one; a live read never is.
    fn list_version(&mut self, call: &Call) -> u64 {
        let version = self.store.version();
        let live = call.option("limit").is_none() || call.key.resource == "pods";
        if live || !self.goes_wrong(0.5, ("stale", call.identity())) {
            return version;
        }
        self.tally.count("stale list");
        let back = self.dice.number(("how stale", call.identity())) % 8;
        version.saturating_sub(back).max(1)
    }

    fn create(&mut self, call: &Call) -> Answer {
        let mut object = call.body.clone();
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let mut key = Key { name, ..call.key.clone() };
        if self.store.get(&key).is_some() {
            return Answer::refusal(409, "AlreadyExists", "it exists already", &[]);
        }
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        if call.is_dry_run() {
            return Answer::created(&self.complete(&key, object).into());
        }
        self.judge_creation(call, &key, &object);
        let created = self.bear(&key, object.clone());
        if self.plant.is_some_and(|plant| plant.repeats(&key)) {
            key.name += "-again";
            self.judge_creation(call, &key, &object);
            self.bear(&key, object);
        }
        Answer::created(&created)
    }

    /// Keeps a new object, with what the API server adds to it.
    pub fn bear(&mut self, key: &Key, object: Value) -> Object {
        let object = self.complete(key, object);
        self.commit(key, object)
    }

    fn complete(&self, key: &Key, mut object: Value) -> Value {
        let number = self.dice.number(("uid", key, self.store.version()));
        let metadata = &mut object["metadata"];
        metadata["name"] = json!(key.name);
        if !key.namespace.is_empty() {
            metadata["namespace"] = json!(key.namespace);
        }
        if metadata["uid"].is_null() {
            metadata["uid"] = json!(format!("{number:016x}"));
        }
        metadata["generation"] = json!(1);
        metadata["creationTimestamp"] = json!(self.second());
        if self.plant == Some(Plant::NoLine) && key.resource == Key::RUNS {
            let second = number % 60;
            metadata["creationTimestamp"] = json!(format!("2027-01-15T07:59:{second:02}Z"));
        }
        object
    }

    fn patch(&mut self, call: &Call) -> Answer {
        let Some(old) = self.store.get(&call.key).cloned() else {
            return match (call.content_type.as_str(), call.subresource.as_str()) {
                ("application/apply-patch+yaml", "") => {
                    Answer::created(&self.bear(&call.key, call.body.clone()))
                }
                _ => Answer::not_found(),
            };
        };
        let mut next = old.clone();
        match call.content_type.as_str() {
            "application/json-patch+json" => {
                if patch::json(&mut next, &call.body).is_none() {
                    let words = "the server rejected our request due to an error in our request";
                    return Answer::refusal(422, "Invalid", words, &[]);
                }
            }
            "application/apply-patch+yaml" => {
                // Everything that we apply to is ours alone: what is left out is removed.
                next["status"] = call.body["status"].clone();
                patch::merge(&mut next["metadata"], &call.body["metadata"]);
            }
            _ => patch::merge(&mut next, &call.body),
        }
        if let Some(refusal) = refuse(call, &old, &mut next) {
            return refusal;
        }
        self.judge_write(call, &old, &next);
        if judge::lost_fact(&old, &next).is_some() {
            return Answer::invalid("facts are written once and never changed or removed");
        }
        if let Some(answer) = self.lose_write(call, &next) {
            return answer;
        }
        let written = self.commit(&call.key, next);
        self.collect(&call.key);
        Answer::object(&written)
    }

    fn delete(&mut self, call: &Call) -> Answer {
        let Some(object) = self.store.object(&call.key).cloned() else {
            return Answer::not_found();
        };
        if let Some(refusal) = precondition(&object.value, &call.body["preconditions"]) {
            return refusal;
        }
        if call.key.resource == "pods" {
            self.kill(call);
        } else {
            self.begin_deletion(&call.key);
        }
        Answer::object(&object)
    }

    /// An object that something holds is only marked; one that nothing holds goes.
    pub fn begin_deletion(&mut self, key: &Key) {
        let second = self.second();
        self.change(key, |object| {
            if object["metadata"]["deletionTimestamp"].is_null() {
                object["metadata"]["deletionTimestamp"] = json!(second);
                let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
                object["metadata"]["generation"] = json!(generation + 1);
            }
        });
        self.collect(key);
    }

    /// An object that is being deleted goes with its last finalizer.
    pub fn collect(&mut self, key: &Key) {
        let Some(object) = self.store.get(key) else { return };
        if is_ending(object) && key.resource != "pods" && !self.is_held(object) {
            self.judge.gone(key, object, self.millis());
            self.remove(key);
        }
    }

    /// Whether a finalizer holds the object.
    pub fn is_held(&self, object: &Value) -> bool {
        let forgotten = self.plant.is_some_and(|plant| plant.forgets_finalizer(object));
        !finalizers(object).is_empty() && !forgotten
    }

    fn evict(&mut self, call: &Call) -> Answer {
        let Some(pod) = self.store.object(&call.key).cloned() else {
            return Answer::not_found();
        };
        let options = &call.body["deleteOptions"];
        if !is_ending(&pod.value)
            && let Some(words) = self.budget_refusal(&pod.value)
        {
            let message = "Cannot evict pod as it would violate the pod's disruption budget.";
            return Answer::refusal(
                429,
                "TooManyRequests",
                message,
                &[("DisruptionBudget", &words)],
            );
        }
        if let Some(refusal) = precondition(&pod.value, &options["preconditions"]) {
            return refusal;
        }
        self.kill(call);
        let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
        Answer::Body(StatusCode::CREATED, done.to_string().into())
    }
}

/// Preconditions, and what a subresource leaves alone.
fn refuse(call: &Call, old: &Value, next: &mut Value) -> Option<Answer> {
    let version = &next["metadata"]["resourceVersion"];
    if !version.is_null() && *version != old["metadata"]["resourceVersion"] {
        return Some(Answer::conflict("the object has been modified"));
    }
    if call.subresource == "status" {
        let status = next["status"].take();
        *next = Value::clone(old);
        next["status"] = status;
    } else if next["metadata"]["uid"] != old["metadata"]["uid"] {
        return Some(Answer::invalid("metadata.uid: Invalid value: field is immutable"));
    } else if call.key.resource.ends_with("firedrill.dev") && !old["status"].is_null() {
        next["status"] = old["status"].clone();
    }
    if next["spec"] != old["spec"] {
        next["metadata"]["generation"] =
            json!(old["metadata"]["generation"].as_i64().unwrap_or(0) + 1);
    }
    let known = |finalizer: &&Value| finalizers(old).contains(finalizer);
    if is_ending(old) && !finalizers(next).iter().all(|finalizer| known(&finalizer)) {
        return Some(Answer::invalid("no new finalizers while the object is being deleted"));
    }
    None
}

/// What a call that ends an object tests first.
fn precondition(object: &Value, wanted: &Value) -> Option<Answer> {
    let metadata = &object["metadata"];
    let differs = |key: &str| !wanted[key].is_null() && wanted[key] != metadata[key];
    if differs("uid") {
        let (wanted, found) = (&wanted["uid"], &metadata["uid"]);
        let words = format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({found})"
        );
        return Some(Answer::conflict(&words));
    }
    differs("resourceVersion").then(|| {
        Answer::conflict("the ResourceVersion in the precondition does not match the record")
    })
}

pub fn is_ending(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

pub fn finalizers(object: &Value) -> &[Value] {
    object["metadata"]["finalizers"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether a selector of equalities chooses the object by its labels; one that asks for more chooses
/// nothing.
pub fn selects(selector: Option<&str>, object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    equalities(selector, |key, value| labels[key] == value)
}

/// The same by the object's fields; one that is absent has the empty value.
fn has_fields(selector: Option<&str>, object: &Value) -> bool {
    equalities(selector, |path, value| {
        let found = object.pointer(&format!("/{}", path.replace('.', "/")));
        found.and_then(Value::as_str).unwrap_or_default() == value
    })
}

fn equalities(selector: Option<&str>, holds: impl Fn(&str, &str) -> bool) -> bool {
    selector.is_none_or(|selector| {
        selector
            .split(',')
            .all(|pair| pair.split_once('=').is_some_and(|(key, value)| holds(key, value)))
    })
}
