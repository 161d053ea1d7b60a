//! Rollouts: what `ReplicaSet`s and `ControllerRevision`s remember of a workload's revisions.

use k8s_openapi::api::{
    apps::v1::{ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet},
    core::v1::PodTemplateSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{ResourceExt, api::ObjectMeta};

use super::{entry, kind, moment};
use crate::api::{Moment, debrief::TimelineEntry};

/// A workload of the target, whatever its kind.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// Kind and name, such as `deployment/checkout`.
    pub source: String,
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Its pods' labels.
    pub selector: LabelSelector,
    /// Its pod template.
    pub template: PodTemplateSpec,
    /// How many pods it wants, where it says so.
    pub replicas: Option<i32>,
}

impl From<Deployment> for Workload {
    fn from(found: Deployment) -> Self {
        let source = format!("deployment/{}", found.name_any());
        let spec = found.spec.unwrap_or_default();
        let (selector, template) = (spec.selector, spec.template);
        Self { source, metadata: found.metadata, selector, template, replicas: spec.replicas }
    }
}

impl From<StatefulSet> for Workload {
    fn from(found: StatefulSet) -> Self {
        let source = format!("statefulset/{}", found.name_any());
        let spec = found.spec.unwrap_or_default();
        let (selector, template) = (spec.selector, spec.template);
        Self { source, metadata: found.metadata, selector, template, replicas: spec.replicas }
    }
}

impl From<DaemonSet> for Workload {
    fn from(found: DaemonSet) -> Self {
        let source = format!("daemonset/{}", found.name_any());
        let spec = found.spec.unwrap_or_default();
        let (selector, template) = (spec.selector, spec.template);
        Self { source, metadata: found.metadata, selector, template, replicas: None }
    }
}

/// One revision of a workload.
#[derive(Clone, Debug, Default)]
pub struct Revision {
    /// Kind and name of the object that remembers it.
    pub source: String,
    /// Name of that object.
    pub name: String,
    /// UID of the workload.
    pub owner: String,
    /// Its number; a rollback gives an old revision a new one.
    pub number: i64,
    /// Numbers that it had before, by rollbacks.
    pub earlier: Vec<i64>,
    /// When it first came up.
    pub created: Option<Moment>,
    /// Container and image, in order.
    pub images: Vec<(String, String)>,
    /// The annotation `kubernetes.io/change-cause`.
    pub cause: Option<String>,
}

const NUMBER: &str = "deployment.kubernetes.io/revision";
const EARLIER: &str = "deployment.kubernetes.io/revision-history";
const CAUSE: &str = "kubernetes.io/change-cause";

impl From<ReplicaSet> for Revision {
    fn from(found: ReplicaSet) -> Self {
        let annotation = |name| found.annotations().get(name);
        let earlier = annotation(EARLIER).map(String::as_str).unwrap_or_default();
        let number = annotation(NUMBER).and_then(|number| number.parse().ok()).unwrap_or_default();
        let earlier = earlier.split(',').filter_map(|number| number.parse().ok()).collect();
        let template = found.spec.as_ref().and_then(|spec| spec.template.as_ref());
        Self {
            number,
            earlier,
            images: template.map(images).unwrap_or_default(),
            ..described("replicaset", &found)
        }
    }
}

impl From<ControllerRevision> for Revision {
    fn from(found: ControllerRevision) -> Self {
        let template =
            found.data.as_ref().and_then(|data| data.0.pointer("/spec/template").cloned());
        let template: Option<PodTemplateSpec> =
            template.and_then(|template| serde_json::from_value(template).ok());
        let images = template.as_ref().map(images).unwrap_or_default();
        Self { number: found.revision, images, ..described("controllerrevision", &found) }
    }
}

fn described(kind: &str, object: &impl ResourceExt) -> Revision {
    let owner = object.owner_references().iter().find(|owner| owner.controller == Some(true));
    Revision {
        source: format!("{kind}/{}", object.name_any()),
        name: object.name_any(),
        owner: owner.map(|owner| owner.uid.clone()).unwrap_or_default(),
        created: object.creation_timestamp().as_ref().map(moment),
        cause: object.annotations().get(CAUSE).cloned(),
        ..Revision::default()
    }
}

fn images(template: &PodTemplateSpec) -> Vec<(String, String)> {
    let containers =
        template.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let image = |container: &k8s_openapi::api::core::v1::Container| {
        (container.name.clone(), container.image.clone().unwrap_or_default())
    };
    containers.iter().map(image).collect()
}

/// One entry per revision, at the time when it first came up.
pub fn entries(workloads: &[Workload], revisions: &[Revision]) -> Vec<TimelineEntry> {
    let tell = |workload: &Workload| {
        let mut own = history(workload, revisions);
        own.sort_by_key(|revision| first_number(revision));
        let before = std::iter::once(None).chain(own.iter().copied().map(Some)).collect::<Vec<_>>();
        let told = own.iter().zip(before).filter_map(|(revision, before)| {
            Some(entry(
                revision.created?,
                kind::ROLLOUT,
                &workload.source,
                sentence(revision, before),
            ))
        });
        told.collect::<Vec<_>>()
    };
    workloads.iter().flat_map(tell).collect()
}

fn history<'a>(workload: &Workload, revisions: &'a [Revision]) -> Vec<&'a Revision> {
    let uid = workload.metadata.uid.as_deref().unwrap_or_default();
    revisions.iter().filter(|revision| revision.owner == uid).collect()
}

fn first_number(revision: &Revision) -> i64 {
    revision.earlier.iter().copied().min().unwrap_or(revision.number)
}

fn sentence(revision: &Revision, before: Option<&Revision>) -> String {
    let images = match before {
        Some(before) if before.images == revision.images => "same images as before".to_owned(),
        Some(before) => changed(&before.images, &revision.images),
        None => list(&revision.images),
    };
    let mut parts = vec![format!("revision {} rolled out: {images}", first_number(revision))];
    if !revision.earlier.is_empty() {
        parts.push(format!("in use again as revision {}", revision.number));
    }
    parts.extend(revision.cause.iter().map(|cause| format!("change cause: {cause}")));
    parts.join("; ")
}

fn list(images: &[(String, String)]) -> String {
    images.iter().map(|(name, image)| format!("{name} {image}")).collect::<Vec<_>>().join(", ")
}

fn changed(before: &[(String, String)], after: &[(String, String)]) -> String {
    let change = |(name, image): &(String, String)| match before.iter().find(|(old, _)| old == name)
    {
        Some((_, old)) if old == image => None,
        Some((_, old)) => Some(format!("{name} {old} → {image}")),
        None => Some(format!("{name} {image} is new")),
    };
    let gone = before.iter().filter(|(old, _)| after.iter().all(|(name, _)| name != old));
    let gone = gone.map(|(name, _)| format!("{name} is gone"));
    after.iter().filter_map(change).chain(gone).collect::<Vec<_>>().join(", ")
}

/// Revision and images of a workload when the fault was injected, as far as they are known.
pub fn state(workload: &Workload, revisions: &[Revision], injected: Moment) -> String {
    let known = history(workload, revisions).into_iter();
    let current = known
        .filter(|revision| revision.created.is_some_and(|created| created <= injected))
        .max_by_key(|revision| revision.number);
    let text = match current {
        Some(revision) => format!(
            "{}: revision {} ({}), {}",
            workload.source,
            revision.number,
            revision.name,
            list(&revision.images)
        ),
        None => format!("{}: {}", workload.source, list(&images(&workload.template))),
    };
    let scaler = scaled_by(workload).map(|manager| format!("; replicas were set by {manager}"));
    crate::core::span::crop(format!("{text}{}", scaler.unwrap_or_default()), super::TEXT_MAX)
}

/// The tool that scaled the workload last; the API server does not note when.
fn scaled_by(workload: &Workload) -> Option<&str> {
    let mut writes = workload.metadata.managed_fields.iter().flatten();
    let scale = writes
        .find(|write| write.subresource.as_deref() == Some("scale") && write.time.is_none())?;
    scale.manager.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(number: i64, earlier: &[i64], minute: u8, image: &str) -> Revision {
        let created = format!("\"2026-11-24T09:{minute:02}:00Z\"");
        Revision {
            source: format!("replicaset/checkout-{number}"),
            name: format!("checkout-{number}"),
            owner: "u1".to_owned(),
            number,
            earlier: earlier.to_vec(),
            created: serde_json::from_str(&created).unwrap(),
            images: vec![("shop".to_owned(), image.to_owned())],
            cause: None,
        }
    }

    fn checkout() -> Workload {
        let metadata = ObjectMeta { uid: Some("u1".to_owned()), ..ObjectMeta::default() };
        Workload { source: "deployment/checkout".to_owned(), metadata, ..Workload::default() }
    }

    #[test]
    fn each_revision_tells_what_it_changed_and_a_rollback_is_named() {
        let history = [
            revision(3, &[1], 1, "shop:1"),
            revision(2, &[], 2, "shop:2"),
            Revision { owner: "u2".to_owned(), ..revision(9, &[], 3, "x") },
        ];
        let texts: Vec<_> =
            entries(&[checkout()], &history).into_iter().map(|entry| entry.text).collect();
        assert_eq!(
            texts,
            [
                "revision 1 rolled out: shop shop:1; in use again as revision 3",
                "revision 2 rolled out: shop shop:1 → shop:2",
            ]
        );
    }

    #[test]
    fn the_state_is_that_of_the_injection_not_of_a_later_rollout() {
        let history = [revision(1, &[], 1, "shop:1"), revision(2, &[], 30, "shop:2")];
        let injected = serde_json::from_str("\"2026-11-24T09:20:00Z\"").unwrap();
        assert_eq!(
            state(&checkout(), &history, injected),
            "deployment/checkout: revision 1 (checkout-1), shop shop:1"
        );
    }
}
