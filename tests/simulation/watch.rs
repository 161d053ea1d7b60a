//! Watches: every change once and in order, but late, cut off, or from a version that is forgotten.

use axum::body::Bytes;
use serde_json::json;
use tokio::sync::mpsc;

use super::{answer::Answer, call::Call, plant::Plant, server::selects, store::Key, world::World};

/// A watch that somebody holds open.
pub struct Watch {
    resource: String,
    namespace: String,
    selector: Option<String>,
    /// The version up to which everything was sent.
    position: u64,
    /// When the last change that is on its way arrives; the next one never comes before it.
    arrives: u64,
    lines: mpsc::UnboundedSender<Bytes>,
    /// What becomes of it hangs on this: two that are opened at once by one process fare alike, so
    /// that it does not matter which of them was first.
    fortune: u64,
}

impl World {
    /// Opens a watch.
    pub fn watch(&mut self, call: &Call) -> Answer {
        let (lines, answer) = mpsc::unbounded_channel();
        if self.goes_wrong(0.2, ("expired", call.identity())) {
            self.tally.count("watch expired");
            let error = json!({"type": "ERROR", "object": {
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "too old resource version", "reason": "Expired", "code": 410}});
            lines.send(line(&error.to_string())).ok();
            return Answer::Lines(answer);
        }
        let number = self.opened;
        self.opened += 1;
        let position = call.option("resourceVersion").and_then(|version| version.parse().ok());
        let watch = Watch {
            resource: call.key.resource.clone(),
            namespace: call.key.namespace.clone(),
            selector: call.option("labelSelector"),
            position: position.unwrap_or_default(),
            arrives: self.millis(),
            lines,
            fortune: self.dice.number(call.identity()),
        };
        self.watches.insert(number, watch);
        self.deliver(number, self.store.version());
        let seconds = call.option("timeoutSeconds").and_then(|seconds| seconds.parse::<u64>().ok());
        self.after(seconds.unwrap_or(300) * 1000, number, move |world| {
            world.watches.remove(&number);
        });
        Answer::Lines(answer)
    }

    /// Sends the newest change to everybody who watches its resource.
    pub fn announce(&mut self, key: &Key) {
        if self.plant == Some(Plant::CachedLever) && *key == Key::lever() {
            return;
        }
        let (version, now) = (self.store.version(), self.millis());
        let concerned = |watch: &Watch| watch.resource == key.resource;
        let open = self.watches.iter().filter(|(_, watch)| concerned(watch));
        let open: Vec<_> = open.map(|(number, watch)| (*number, watch.fortune)).collect();
        for (number, fortune) in open {
            let late = self.goes_wrong(1.0, ("late", fortune, version));
            if late {
                self.tally.count("watch late");
            }
            let most = if late { 3000 } else { 10 };
            let lag = 1 + self.dice.number(("lag", fortune, version)) % most;
            let Some(watch) = self.watches.get_mut(&number) else { continue };
            watch.arrives = watch.arrives.max(now + lag);
            let wait = watch.arrives - now;
            self.after(wait, fortune, move |world| world.deliver(number, version));
        }
    }

    /// Sends what a watch has not heard yet, up to that version.
    fn deliver(&mut self, number: u64, upto: u64) {
        let Some(watch) = self.watches.get_mut(&number) else { return };
        let changes = self.store.changes(&watch.resource, &watch.namespace, (watch.position, upto));
        let mut open = true;
        for change in changes {
            if !selects(watch.selector.as_deref(), &change.object.value) {
                continue;
            }
            let object = std::str::from_utf8(&change.object.bytes).unwrap_or_default();
            let event = format!(r#"{{"type":"{}","object":{object}}}"#, change.kind);
            open &= watch.lines.send(line(&event)).is_ok();
        }
        watch.position = watch.position.max(upto);
        let fortune = watch.fortune;
        let cut = self.goes_wrong(0.3, ("cut", fortune, upto));
        if cut {
            self.tally.count("watch cut");
        }
        if cut || !open {
            self.watches.remove(&number);
        }
    }
}

fn line(event: &str) -> Bytes {
    format!("{event}\n").into()
}
