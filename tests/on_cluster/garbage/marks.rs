//! Objects with garbage in their mark, their pre-image and their deadline, and what becomes of them.

use firedrill::{
    api::names,
    faults::{Kind, Object, arming, field, record},
    shell::{call::Error, objects},
};
use kube::{
    ResourceExt,
    api::{DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Map, Value, json};

use super::{processes::Process, runs, values::Dice};
use crate::support::{Ground, within};

/// So long the reaper has until each is reverted, or told.
const PATIENCE: u64 = 60;
/// What a blackholed Service selects beside its pods.
const BLACKHOLE: &str = "firedrill.dev/blackhole";

/// An object as it was made.
pub struct Case(Object);

impl Case {
    /// Its resource and its name, as the audit log has them.
    pub fn resource(&self) -> (&'static str, &str) {
        (self.0.kind.resource().2, self.0.name())
    }

    /// Whether it is the object of that kind and name.
    pub fn is(&self, kind: Kind, name: &str) -> bool {
        (self.0.kind, self.0.name()) == (kind, name)
    }

    fn told_as(&self) -> String {
        let kind = self.0.kind.to_string().to_lowercase();
        format!("{kind} {}/{}", self.0.namespace(), self.0.name())
    }
}

/// Makes so many more objects; some carry the mark of one of these runs, with a fault that is there.
pub async fn plant(
    ground: &Ground,
    count: usize,
    dice: &mut Dice,
    of: &[runs::Case],
    cases: &mut Vec<Case>,
) {
    for _ in 0..count {
        let kind = dice.of(&Kind::ALL);
        let is_true = kind == Kind::Service && !of.is_empty();
        let run = if of.is_empty() { String::new() } else { of[dice.below(of.len())].uid.clone() };
        let (mark, mut annotations) =
            if is_true { (format!("{run}.1.armed"), blackhole()) } else { garbage(dice, &run) };
        if dice.percent(80) {
            annotations.insert(names::DEADLINE.to_owned(), json!(dice.instant()));
        }
        let mut labels = json!({names::FAULT: mark});
        if dice.percent(30) {
            labels[names::RUN] = json!("garbage");
        }
        let metadata =
            json!({"generateName": "garbage-", "labels": labels, "annotations": annotations});
        let object =
            serde_json::from_value(json!({"metadata": metadata, "spec": body(kind, dice)}))
                .unwrap();
        let api = objects::api(&ground.client, kind, Some(&ground.namespace));
        let created = api.create(&PostParams::default(), &object).await;
        let created = created.unwrap_or_else(|error| panic!("{kind} {metadata}: {error}"));
        cases.push(Case(objects::object(kind, &created)));
    }
}

/// What nothing runs for.
fn body(kind: Kind, dice: &mut Dice) -> Value {
    let selector = json!({"matchLabels": {"app": "garbage"}});
    let container = json!({"name": "web", "image": "registry.local/busybox:1"});
    let template = json!({"metadata": {"labels": {"app": "garbage"}}, "spec": {
        "nodeSelector": {"nowhere": "true"}, "containers": [container]}});
    match kind {
        Kind::Deployment => json!({"replicas": 0, "selector": selector, "template": template}),
        Kind::StatefulSet => {
            json!({"replicas": 0, "serviceName": "garbage", "selector": selector, "template": template})
        }
        Kind::DaemonSet => json!({"selector": selector, "template": template}),
        Kind::Service => {
            json!({"selector": {"app": "garbage", BLACKHOLE: "x"}, "ports": [{"port": 80}]})
        }
        Kind::NetworkPolicy => {
            let inert = json!({"app": "garbage", names::INERT: "true"});
            let labels = if dice.percent(50) { inert } else { json!({"app": "garbage"}) };
            json!({"podSelector": {"matchLabels": labels}, "policyTypes": ["Egress"]})
        }
    }
}

/// The record of a fault that is there.
fn blackhole() -> Map<String, Value> {
    [
        (names::at("selector"), json!("/spec/selector/firedrill.dev~1blackhole")),
        (names::was("selector"), json!("null")),
        (names::set("selector"), json!("\"x\"")),
    ]
    .into_iter()
    .collect()
}

/// A mark and annotations that say anything.
fn garbage(dice: &mut Dice, run: &str) -> (String, Map<String, Value>) {
    let nobody = "0d1c77ae-0000-4000-8000-000000000002";
    let run = if run.is_empty() || dice.percent(60) { nobody } else { run };
    let mark = dice.of(&[
        format!("{run}.1.armed"),
        format!("{run}.2147483647.armed"),
        format!("{run}.2147483648.armed"),
        format!("{run}.-1.armed"),
        format!("{run}.1.revoked"),
        format!("{run}.1.ARMED"),
        "a.b.c.1.armed".to_owned(),
        "armed".to_owned(),
        "1.armed".to_owned(),
        String::new(),
    ]);
    let mut annotations = Map::new();
    for _ in 0..dice.below(5) {
        let name = dice.of(&[
            "a",
            "replicas",
            "image",
            "command",
            "selector",
            "inert",
            "env",
            "external-name",
        ]);
        let deep = "/a".repeat(20_000);
        let at = dice.of(&[
            "/spec/replicas",
            "/spec/template/spec/containers/name=web/image",
            "/spec/template/spec/containers/name=web/command",
            "/spec/template/spec/[99999999999999999999]name=x",
            "/spec/podSelector/matchLabels/firedrill.dev~1inert",
            "/metadata/annotations/evil",
            "/metadata/finalizers",
            "/spec/~1~0~2",
            "no slash",
            "",
            deep.as_str(),
        ]);
        let nested = format!("{}{}", "[".repeat(500), "]".repeat(500));
        let mut value = || {
            let values = [
                "null",
                "0",
                "1",
                "-1",
                "1e999",
                "{",
                "\"x\"",
                "[\"sh\"]",
                "true",
                "é",
                nested.as_str(),
            ];
            json!(dice.of(&values))
        };
        let (was, set) = (value(), value());
        annotations.insert(names::at(name), json!(at));
        annotations.insert(names::was(name), was);
        if dice.percent(90) {
            annotations.insert(names::set(name), set);
        }
    }
    if dice.percent(40) {
        annotations.insert(names::REVOKED_AT.to_owned(), json!(dice.instant()));
    }
    (mark, annotations)
}

/// What of the namespace carries the armed mark of that run.
pub async fn armed(ground: &Ground, run: &str) -> Vec<(Kind, String)> {
    let mut armed = Vec::new();
    for kind in Kind::ALL {
        let api = objects::api(&ground.client, kind, Some(&ground.namespace));
        let listed = api.list(&ListParams::default().labels(names::FAULT)).await.unwrap();
        let carries = |one: &&DynamicObject| {
            objects::object(kind, one).mark().is_some_and(|mark| mark.armed && mark.run == run)
        };
        armed.extend(listed.items.iter().filter(carries).map(|one| (kind, one.name_any())));
    }
    armed
}

/// Takes the mark of that run away, as whoever is told of it may.
pub async fn take_away(ground: &Ground, run: &str) {
    for (kind, name) in armed(ground, run).await {
        let api = objects::api(&ground.client, kind, Some(&ground.namespace));
        let patch = Patch::Merge(json!({"metadata": {"labels": {names::FAULT: null}}}));
        api.patch(&name, &PatchParams::default(), &patch).await.unwrap();
    }
}

/// What is not as it must be at the end: each is revoked, or told, and nothing changed but what it says itself.
pub async fn end(ground: &Ground, cases: &[Case], reaper: &Process) -> Vec<String> {
    let mut wrong = Vec::new();
    for case in cases {
        let settled = within(PATIENCE, async || {
            let object = now(ground, case).await.ok()?;
            let is_revoked = object.as_ref().is_none_or(|object| {
                object.label().is_none() || object.mark().is_some_and(|mark| !mark.armed)
            });
            (is_revoked || reaper.tells(&case.told_as())).then_some(object)
        });
        match settled.await {
            None => wrong.push(format!("neither revoked nor told: {}", case.0.value)),
            Some(Some(object)) => wrong.extend(changed(case, &object)),
            Some(None) if is_tombstone(&case.0) => {}
            Some(None) => wrong.push(format!("deleted: {}", case.0.value)),
        }
    }
    wrong
}

async fn now(ground: &Ground, case: &Case) -> Result<Option<Object>, Error> {
    objects::read(&ground.client, case.0.kind, &ground.namespace, case.0.name()).await
}

/// Whether it says that it is a policy of ours, revoked and inert, which the reaper deletes.
fn is_tombstone(object: &Object) -> bool {
    let metadata = &object.value["metadata"];
    object.kind == Kind::NetworkPolicy
        && object.mark().is_some_and(|mark| !mark.armed)
        && metadata["labels"][names::RUN].is_string()
        && object.value["spec"]["podSelector"]["matchLabels"][names::INERT] == "true"
}

/// What was changed and is not what the object itself says of a fault that is there.
fn changed(case: &Case, object: &Object) -> Option<String> {
    let before = &case.0;
    let fields = record::read(before).fields.into_iter();
    let there = fields.filter(|one| arming::holds_any(before, std::slice::from_ref(one)));
    let named = there.filter_map(|one| Some(field::find(&before.value, &one.at)?.pointer));
    let others = |object: &Object| {
        let metadata = &object.value["metadata"];
        let is_ours = |name: &str| {
            name == names::FAULT
                || name == names::REVOKED_AT
                || names::is_of_fault(name)
                || name == "deprecated.daemonset.template.generation"
                || name == "deployment.kubernetes.io/revision"
        };
        let of = |map: &str| -> Map<String, Value> {
            let all = metadata[map].as_object().cloned().unwrap_or_default();
            all.into_iter().filter(|(name, _)| !is_ours(name)).collect()
        };
        json!({"labels": of("labels"), "annotations": of("annotations"), "finalizers": metadata["finalizers"]})
    };
    if others(before) != others(object) {
        return Some(format!("its metadata changed: {} to {}", before.value, object.value));
    }
    let mut now = object.value.clone();
    for pointer in named {
        put(&mut now, &pointer, before.value.pointer(&pointer).cloned());
    }
    (now["spec"] != before.value["spec"])
        .then(|| format!("its spec changed: {} to {}", before.value, object.value))
}

/// Sets what is at that pointer, or removes it.
fn put(of: &mut Value, pointer: &str, value: Option<Value>) {
    let Some((above, key)) = pointer.rsplit_once('/') else { return };
    let key = key.replace("~1", "/").replace("~0", "~");
    if let Some(map) = of.pointer_mut(above).and_then(Value::as_object_mut) {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}
