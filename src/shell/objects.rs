//! Objects of any kind that faults change: read, listed and patched as they are, without their types.

use std::{collections::BTreeMap, fmt};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{
    Api, Client,
    api::{DynamicObject, GetParams, ListParams, Patch, PatchParams},
    core::{ApiResource, Request, Selector},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Value, json};

use super::{
    answers,
    reader::{Part, Reader, unread},
};
use crate::{
    api::names,
    faults::{Kind, Object, call::Change},
    shell::call::{self, Error, call},
};

/// The labels and annotations by which a marked object says what it needs.
const TOLD: [&str; 4] = [names::FAULT, names::RUN, names::DEADLINE, names::REVOKED_AT];
/// The longest text among them: a label has at most 63 characters, an instant fewer.
const LONGEST_TOLD: usize = 64;

/// The API of a kind, in one namespace or in all.
#[must_use]
pub fn api(client: &Client, kind: Kind, namespace: Option<&str>) -> Api<DynamicObject> {
    let (group, version, plural) = kind.resource();
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: if group.is_empty() {
            version.to_owned()
        } else {
            format!("{group}/{version}")
        },
        kind: kind.to_string(),
        plural: plural.to_owned(),
    };
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// The object as a value.
#[must_use]
pub fn object(kind: Kind, found: &DynamicObject) -> Object {
    Object { kind, value: serde_json::to_value(found).unwrap_or_default() }
}

/// Reads one object, whatever somebody wrote into its metadata, and who did.
///
/// # Errors
/// What the API server says; an object that is gone is no error.
pub async fn read(
    client: &Client,
    kind: Kind,
    namespace: &str,
    name: &str,
) -> Result<Option<Object>, Error> {
    let objects = api(client, kind, Some(namespace));
    let request = Request::new(objects.resource_url()).get(name, &GetParams::default());
    let request = request.map(answers::telling_managed_fields);
    let found = call::read("read the object", client, request).await?;
    Ok(found.map(|value| Object { kind, value }))
}

/// The selector of a workload's pods, as a list takes it.
#[must_use]
pub fn pod_selector(object: &Object) -> String {
    let selector: LabelSelector =
        serde_json::from_value(object.value["spec"]["selector"].clone()).unwrap_or_default();
    Selector::try_from(selector).map(|selector| selector.to_string()).unwrap_or_default()
}

/// Gives every object of a kind, of one namespace or of all, that carries our mark to `take`: what of its metadata
/// says what it needs, and nothing else of it.
///
/// # Errors
/// What the API server says.
pub async fn marked(
    reader: &Reader,
    (kind, namespace): (Kind, Option<&str>),
    mut take: impl FnMut(Object),
) -> Result<(), Error> {
    let objects = api(reader.client(), kind, namespace);
    let wanted = (Part::Metadata, ListParams::default().labels(names::FAULT));
    let take = |marked: Marked| take(Object { kind, value: json!(marked) });
    reader.list("list marked objects", objects.resource_url(), wanted, take).await.map(drop)
}

/// What `take` makes of one object, which is not in memory any longer than that; absent where it is gone.
///
/// # Errors
/// What the API server says, or that the object is too large.
pub async fn with<T>(
    reader: &Reader,
    (kind, namespace, name): (Kind, &str, &str),
    take: impl FnOnce(Object) -> T,
) -> Result<Option<T>, Error> {
    let objects = api(reader.client(), kind, Some(namespace));
    let at = (objects.resource_url(), name);
    reader.one("read the object", at, |value| take(Object { kind, value })).await
}

/// What is kept of a marked object when it is listed.
#[derive(Serialize, Deserialize)]
struct Marked {
    metadata: Metadata,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    uid: String,
    resource_version: String,
    creation_timestamp: String,
    #[serde(default)]
    labels: Told,
    #[serde(default)]
    annotations: Told,
}

/// Those labels or annotations that are ours. The others are skipped where they stand: an object may have 250 kB
/// of them.
#[derive(Default, Serialize)]
struct Told(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Listener)
    }
}

struct Listener;

impl<'de> Visitor<'de> for Listener {
    type Value = Told;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Told, A::Error> {
        let mut told = Told::default();
        while let Some(name) = map.next_key::<String>()? {
            if !TOLD.contains(&name.as_str()) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let text: String = map.next_value()?;
            if text.len() <= LONGEST_TOLD {
                told.0.insert(name, text);
            }
        }
        Ok(told)
    }
}

/// Sends a patch that tests what it is based on, as that field manager.
///
/// # Errors
/// What the API server says; a failed test is a 422 without causes.
pub async fn patch(
    client: &Client,
    namespace: &str,
    change: &Change,
    manager: &str,
) -> Result<(), Error> {
    let operations = serde_json::from_value(Value::Array(change.patch.clone())).unwrap_or_default();
    let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() }
        .validation_strict();
    let objects = api(client, change.kind, Some(namespace));
    let patch = Patch::Json::<DynamicObject>(operations);
    let request = Request::new(objects.resource_url()).patch(&change.name, &params, &patch);
    let request = request.map(|request| request.map(|body| spelled(&body)));
    call("patch the object", unread(client, request)).await
}

/// JSON spelled as the API server spells it: a test of a text compares the bytes, and there these
/// characters are escaped. They can only stand inside of texts.
fn spelled(json: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(json);
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_spelled_as_the_api_server_does() {
        let json = serde_json::to_vec(&["a > b && <c>", "é \u{2028}"]).unwrap();
        let expected = r#"["a \u003e b \u0026\u0026 \u003cc\u003e","é \u2028"]"#;
        assert_eq!(String::from_utf8(spelled(&json)).unwrap(), expected);
        assert_eq!(
            serde_json::from_slice::<Vec<String>>(&spelled(&json)).unwrap(),
            ["a > b && <c>", "é \u{2028}"]
        );
    }

    #[tokio::test]
    async fn of_a_marked_object_only_what_says_its_need_is_kept() {
        let long = "x".repeat(LONGEST_TOLD + 1);
        let object = json!({"metadata": {
            "name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7",
            "creationTimestamp": "2026-11-24T10:00:00Z", "generation": 3,
            "labels": {"app": "web", names::FAULT: "r.1.armed"},
            "annotations": {"note": "x".repeat(1000), names::DEADLINE: long, names::REVOKED_AT: "then"},
            "managedFields": [{"manager": "kubectl"}],
        }});
        let page = json!({"metadata": {}, "items": [object]}).to_string();
        let server = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let accept = request.headers()["accept"].to_str().unwrap().to_owned();
            assert!(accept.contains("as=PartialObjectMetadataList"), "{accept}");
            let query = request.uri().query().unwrap_or_default().to_owned();
            assert!(query.contains("labelSelector=firedrill.dev%2Ffault"), "{query}");
            let body = kube::client::Body::from(page.clone().into_bytes());
            std::future::ready(Ok::<_, kube::Error>(http::Response::new(body)))
        });
        let reader = Reader::new(Client::new(server, "default"));
        let mut found = Vec::new();
        marked(&reader, (Kind::Service, None), |object| found.push(object)).await.unwrap();
        let kept = json!({"metadata": {
            "name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7",
            "creationTimestamp": "2026-11-24T10:00:00Z",
            "labels": {names::FAULT: "r.1.armed"},
            "annotations": {names::REVOKED_AT: "then"},
        }});
        assert_eq!(found, [Object { kind: Kind::Service, value: kept }]);
    }
}
