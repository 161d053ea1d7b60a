//! Changes of objects, as their managed fields remember them: which tool wrote last, and when.
//!
//! Field names are told, values never. A tool is named as it names itself, a person is not.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::ObjectMeta;
use serde_json::{Map, Value};

use super::{Workload, entry, kind, moment, shorten};
use crate::api::{Duration, debrief::TimelineEntry, names::is_our_manager};

/// Who last wrote to the workloads, and who scaled them.
pub fn of_workloads(workloads: &[Workload]) -> Vec<TimelineEntry> {
    let tell = |workload: &Workload| {
        writes(&workload.metadata, &workload.source, |write| {
            if write.subresource.as_deref() == Some("scale") {
                let now = workload.replicas.map(|now| format!(", now {now}")).unwrap_or_default();
                return Some((kind::SCALE, format!("replicas set{now}")));
            }
            let spec = child(&fields(write), "spec");
            let parts = spec_parts(&spec);
            let kind = match (spec.contains_key("f:template"), spec.contains_key("f:replicas")) {
                (true, _) => kind::ROLLOUT,
                (false, true) => kind::SCALE,
                (false, false) => kind::CONFIG,
            };
            (!parts.is_empty()).then(|| (kind, shorten(&parts)))
        })
    };
    workloads.iter().flat_map(tell).collect()
}

/// Who last wrote which keys of the `ConfigMap`s.
pub fn of_config_maps(config_maps: &[ObjectMeta]) -> Vec<TimelineEntry> {
    let tell = |found: &ObjectMeta| {
        writes(found, &source("configmap", found), |write| {
            let fields = fields(write);
            let keys = [child(&fields, "data"), child(&fields, "binaryData")];
            let keys: Vec<_> = keys.iter().flat_map(named).collect();
            (!keys.is_empty()).then(|| (kind::CONFIG, format!("keys {}", shorten(&keys))))
        })
    };
    config_maps.iter().flat_map(tell).collect()
}

/// Who last wrote to the Services: a changed selector sends users elsewhere.
pub fn of_services(services: &[ObjectMeta]) -> Vec<TimelineEntry> {
    let tell = |found: &ObjectMeta| {
        writes(found, &source("service", found), |write| {
            let parts: Vec<_> = named(&child(&fields(write), "spec")).collect();
            (!parts.is_empty()).then(|| (kind::CONFIG, shorten(&parts)))
        })
    };
    services.iter().flat_map(tell).collect()
}

/// Who last wrote to the autoscalers, and when they last scaled.
pub fn of_autoscalers(autoscalers: &[HorizontalPodAutoscaler]) -> Vec<TimelineEntry> {
    autoscalers.iter().flat_map(of_autoscaler).collect()
}

fn of_autoscaler(found: &HorizontalPodAutoscaler) -> Vec<TimelineEntry> {
    let source = source("horizontalpodautoscaler", &found.metadata);
    let mut entries = writes(&found.metadata, &source, |write| {
        let parts: Vec<_> = named(&child(&fields(write), "spec")).collect();
        (!parts.is_empty()).then(|| (kind::SCALE, shorten(&parts)))
    });
    let (status, spec) = (found.status.as_ref(), found.spec.as_ref());
    if let Some((status, spec)) = status.zip(spec)
        && let Some(at) = &status.last_scale_time
    {
        let text = format!(
            "last scaled {}, now {} wanted (at most {})",
            spec.scale_target_ref.name, status.desired_replicas, spec.max_replicas
        );
        entries.push(entry(moment(at), kind::SCALE, &source, text));
    }
    entries
}

fn source(kind: &str, metadata: &ObjectMeta) -> String {
    format!("{kind}/{}", metadata.name.as_deref().unwrap_or_default())
}

/// One entry per tool that wrote to the object, our own writes and those of its status apart.
fn writes(
    metadata: &ObjectMeta,
    source: &str,
    describe: impl Fn(&ManagedFieldsEntry) -> Option<(&'static str, String)>,
) -> Vec<TimelineEntry> {
    let created = metadata.creation_timestamp.as_ref().map(moment);
    let tell = |write: &ManagedFieldsEntry| {
        let manager = write.manager.as_deref().unwrap_or("an unnamed tool");
        if write.subresource.as_deref() == Some("status") || is_our_manager(manager) {
            return None;
        }
        let at = moment(write.time.as_ref()?);
        let (kind, what) = describe(write)?;
        let is_new =
            created.is_some_and(|created| Duration::between(created, at) <= Duration::seconds(1));
        let verb = if is_new { "created" } else { "last written" };
        let how = write.operation.as_deref().unwrap_or("Update");
        Some(entry(at, kind, source, format!("{verb} by {manager} ({how}): {what}")))
    };
    metadata.managed_fields.iter().flatten().filter_map(tell).collect()
}

type Fields = Map<String, Value>;

fn fields(write: &ManagedFieldsEntry) -> Fields {
    let fields = write.fields_v1.as_ref().and_then(|fields| fields.0.as_object());
    fields.cloned().unwrap_or_default()
}

fn child(fields: &Fields, name: &str) -> Fields {
    let child = fields.get(&format!("f:{name}")).and_then(Value::as_object);
    child.cloned().unwrap_or_default()
}

fn named(fields: &Fields) -> impl Iterator<Item = String> {
    fields.keys().filter_map(|key| key.strip_prefix("f:").map(str::to_owned))
}

/// What of a workload's spec a tool holds; the pod template by its containers.
fn spec_parts(spec: &Fields) -> Vec<String> {
    let template = child(spec, "template");
    let restart = child(&child(&template, "metadata"), "annotations")
        .contains_key("f:kubectl.kubernetes.io/restartedAt")
        .then(|| "restart".to_owned());
    let pod = child(&template, "spec");
    let containers = child(&pod, "containers");
    let containers = containers.iter().flat_map(|(key, held)| container_parts(key, held));
    let others = named(&pod).filter(|name| name != "containers");
    let rest = named(spec).filter(|name| name != "template");
    restart.into_iter().chain(containers).chain(rest).chain(others).collect()
}

/// A container's key is `k:{"name":"checkout"}`.
fn container_parts(key: &str, held: &Value) -> Vec<String> {
    let key: Option<Value> = key.strip_prefix("k:").and_then(|key| serde_json::from_str(key).ok());
    let name = key.as_ref().and_then(|key| key["name"].as_str()).unwrap_or_default().to_owned();
    let held = held.as_object().cloned().unwrap_or_default();
    let mut parts: Vec<_> = named(&held).filter(|part| part != "name").collect();
    parts.sort_by_key(|part| (part != "image", part != "env"));
    parts.into_iter().map(|part| format!("{part} of {name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(managed_fields: &Value) -> ObjectMeta {
        serde_json::from_value(json!({
            "name": "checkout", "creationTimestamp": "2026-11-20T08:00:00Z", "managedFields": managed_fields,
        }))
        .unwrap()
    }

    fn texts(entries: &[TimelineEntry]) -> Vec<(&str, &str)> {
        entries.iter().map(|entry| (entry.kind.as_str(), entry.text.as_str())).collect()
    }

    #[test]
    fn a_workload_tells_who_wrote_its_template_and_who_scaled_it() {
        let metadata = metadata(&json!([
            {"manager": "helm", "operation": "Update", "time": "2026-11-20T08:00:00Z",
             "fieldsV1": {"f:spec": {"f:replicas": {}, "f:strategy": {}}}},
            {"manager": "kubectl-set", "operation": "Update", "time": "2026-11-24T09:00:00Z",
             "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {
                "k:{\"name\":\"shop\"}": {"f:env": {}, "f:image": {}}}}}}}},
            {"manager": "kubectl", "operation": "Update", "subresource": "scale",
             "time": "2026-11-24T09:10:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
             "time": "2026-11-24T09:20:00Z", "fieldsV1": {"f:status": {}}},
            {"manager": "firedrill", "operation": "Update", "time": "2026-11-24T09:20:00Z",
             "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        ]));
        let source = "deployment/checkout".to_owned();
        let workload = Workload { source, metadata, replicas: Some(2), ..Workload::default() };
        assert_eq!(
            texts(&of_workloads(&[workload])),
            [
                ("scale", "created by helm (Update): replicas, strategy"),
                ("rollout", "last written by kubectl-set (Update): image of shop, env of shop"),
                ("scale", "last written by kubectl (Update): replicas set, now 2"),
            ]
        );
    }

    #[test]
    fn a_config_map_tells_keys_and_never_values() {
        let metadata = metadata(&json!([
            {"manager": "kubectl-edit", "operation": "Update", "time": "2026-11-24T09:00:00Z",
             "fieldsV1": {"f:data": {".": {}, "f:PAYMENTS_URL": {}}}},
            {"manager": "labeller", "operation": "Apply", "time": "2026-11-24T09:01:00Z",
             "fieldsV1": {"f:metadata": {"f:labels": {}}}},
        ]));
        assert_eq!(
            texts(&of_config_maps(&[metadata])),
            [("config", "last written by kubectl-edit (Update): keys PAYMENTS_URL")]
        );
    }
}
