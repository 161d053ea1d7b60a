//! What a workload remembers of its templates: the `ReplicaSets` of a Deployment, the
//! `ControllerRevisions` of a StatefulSet or a DaemonSet. Their controllers copy the workload's
//! annotations onto them, so those that a fault made are known.

use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use kube::{Api, api::ListParams};
use serde_json::{Value, json};

use super::{
    objects,
    reader::{Part, Reader},
};
use crate::{
    api::{names, run::FieldChange},
    core::revert::leftovers::Revision,
    faults::{Kind, Object, arming, call::Exact, record},
    shell::call::Error,
};

/// How many changes are read off copies; of the faults of one workload there are seldom two.
const MOST_COPIES: usize = 16;
/// Where a workload's template is.
const TEMPLATE: &str = "/spec/template/";

/// The revisions of `object` whose template holds one of these changes, or where those are not known, one that
/// its own copies name. What lies outside of the template (the replicas) breaks no revision.
///
/// # Errors
/// What the API server says.
pub async fn faulty(
    reader: &Reader,
    object: &Object,
    fields: Option<&[FieldChange]>,
) -> Result<Vec<Revision>, Error> {
    let mut faulty = Vec::new();
    each(reader, object, |found| {
        let own = fields.is_none().then(|| record::read(&found).fields);
        let fields = fields.or(own.as_deref()).unwrap_or_default();
        let of_template = fields.iter().filter(|change| change.at.starts_with(TEMPLATE));
        if arming::holds_any(&found, &of_template.cloned().collect::<Vec<_>>()) {
            faulty.push(revision(&found));
        }
    })
    .await?;
    Ok(faulty)
}

/// What the copies that the revisions of `object` have say was changed.
///
/// # Errors
/// What the API server says.
pub async fn recorded(reader: &Reader, object: &Object) -> Result<Vec<FieldChange>, Error> {
    let mut fields = Vec::new();
    each(reader, object, |found| {
        for change in record::read(&found).fields {
            if fields.len() < MOST_COPIES && !fields.contains(&change) {
                fields.push(change);
            }
        }
    })
    .await?;
    Ok(fields)
}

/// Gives each revision of `object` that carries a fault's annotations to `take`, with its template where a
/// workload has it; none of what has no template.
async fn each(reader: &Reader, object: &Object, mut take: impl FnMut(Object)) -> Result<(), Error> {
    let (client, namespace) = (reader.client().clone(), object.namespace());
    let url = match object.kind {
        Kind::Deployment if object.value["spec"]["selector"].is_null() => return Ok(()),
        Kind::Deployment => {
            Api::<ReplicaSet>::namespaced(client, namespace).resource_url().to_owned()
        }
        Kind::StatefulSet | Kind::DaemonSet => {
            Api::<ControllerRevision>::namespaced(client, namespace).resource_url().to_owned()
        }
        Kind::Service | Kind::NetworkPolicy => return Ok(()),
    };
    let wanted = (Part::Whole, ListParams::default().labels(&objects::pod_selector(object)));
    let of_fault = |found: Value| {
        if let Some(found) = as_workload(object, found) {
            take(found);
        }
    };
    reader.list("list the revisions", &url, wanted, of_fault).await.map(drop)
}

/// A revision of `object` that carries a fault's annotations.
fn as_workload(object: &Object, mut found: Value) -> Option<Object> {
    let mut owners = found["metadata"]["ownerReferences"].as_array()?.iter();
    if !owners.any(|owner| owner["uid"] == object.uid()) {
        return None;
    }
    if object.kind != Kind::Deployment {
        let spec = found.pointer_mut("/data/spec").map(Value::take);
        found = json!({"metadata": found["metadata"].take(), "spec": spec});
    }
    let found = Object { kind: object.kind, value: found };
    let is_of_fault = found.annotations().any(names::is_of_fault);
    is_of_fault.then_some(found)
}

fn revision(found: &Object) -> Revision {
    let number = |path| found.value.pointer(path).and_then(Value::as_i64);
    // A ReplicaSet that does not say it should have one.
    let wanted = number("/spec/replicas").unwrap_or(1).max(number("/status/replicas").unwrap_or(0));
    let exact = Exact {
        name: found.name().to_owned(),
        uid: found.uid().to_owned(),
        resource_version: found.resource_version().to_owned(),
        grace_seconds: None,
    };
    let hash = found.value["metadata"]["labels"]["controller-revision-hash"].as_str();
    Revision { exact, hash: hash.map(str::to_owned), replicas: wanted }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{Request, Response};
    use kube::{Client, client::Body};

    use super::*;

    const IMAGE: &str = "/spec/template/spec/containers/name=db/image";

    /// A reader of a server that has these revisions, and their Deployment.
    fn deployment(revisions: Vec<Value>) -> (Reader, Object) {
        let revisions = Arc::new(revisions);
        let server = tower::service_fn(move |request: Request<Body>| {
            assert_eq!(request.uri().path(), "/apis/apps/v1/namespaces/shop/replicasets");
            let page = json!({"metadata": {}, "items": *revisions}).to_string();
            std::future::ready(Ok::<_, kube::Error>(Response::new(Body::from(page.into_bytes()))))
        });
        let value = json!({"metadata": {"namespace": "shop", "uid": "owner"}, "spec": {"selector": {"matchLabels": {"app": "db"}}}});
        let reader = Reader::new(Client::new(server, "default"));
        (reader, Object { kind: Kind::Deployment, value })
    }

    /// A ReplicaSet whose container has that image, with the copy of that change.
    fn replica_set(name: &str, image: &str, change: &FieldChange) -> Value {
        let annotations = json!({
            names::at(&change.name): change.at, names::was(&change.name): change.was,
            names::set(&change.name): change.set,
        });
        json!({
            "metadata": {"name": name, "annotations": annotations, "ownerReferences": [{"uid": "owner"}]},
            "spec": {"replicas": 0, "template": {"spec": {"containers": [{"name": "db", "image": image}]}}},
        })
    }

    fn image() -> FieldChange {
        FieldChange::new("image", IMAGE, &json!("good"), &json!("bad"))
    }

    #[tokio::test]
    async fn a_revision_is_faulty_where_its_template_is_by_what_is_known_or_by_its_own_copy() {
        let image = image();
        let replicas = FieldChange::new("replicas", "/spec/replicas", &json!(1), &json!(0));
        let mut another = replica_set("another", "bad", &image);
        another["metadata"]["ownerReferences"][0]["uid"] = json!("other");
        let mut bare = replica_set("bare", "bad", &image);
        bare["metadata"]["annotations"] = json!({"note": "kept"});
        let (reader, object) = deployment(vec![
            replica_set("broken", "bad", &image),
            replica_set("sound", "good", &image),
            replica_set("scaled", "bad", &replicas),
            another,
            bare,
        ]);
        let of = async |fields: Option<&[FieldChange]>| {
            let found = faulty(&reader, &object, fields).await.unwrap();
            found.into_iter().map(|found| found.exact.name).collect::<Vec<_>>()
        };
        assert_eq!(of(None).await, ["broken"]);
        assert_eq!(of(Some(&[image])).await, ["broken", "scaled"]);
        assert_eq!(of(Some(&[replicas])).await, [] as [&str; 0]);
        assert_eq!(of(Some(&[])).await, [] as [&str; 0]);
    }

    #[tokio::test]
    async fn what_was_changed_is_read_off_the_copies_once_and_not_without_end() {
        let copies = |number: usize| {
            let at = format!("{IMAGE}{number}");
            replica_set("rs", "bad", &FieldChange::new("image", at, &json!("good"), &json!("bad")))
        };
        let (reader, object) = deployment((0..40).map(|number| copies(number / 2)).collect());
        let fields = recorded(&reader, &object).await.unwrap();
        assert_eq!(fields.len(), MOST_COPIES);
        assert_eq!(fields[1].at, format!("{IMAGE}1"));
    }

    #[test]
    fn a_replica_set_that_does_not_say_how_many_it_should_have_has_one() {
        let silent = Object { kind: Kind::Deployment, value: json!({"spec": {}}) };
        assert_eq!(revision(&silent).replicas, 1);
    }
}
