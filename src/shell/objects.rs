//! Objects of any kind that faults change: read, listed and patched as they are, without their types.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams, Patch, PatchParams},
    core::{ApiResource, Request, Selector},
};
use serde_json::Value;

use super::list;
use crate::{
    faults::{Kind, Object, call::Change},
    shell::call::{Error, call},
};

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

/// Reads one object.
///
/// # Errors
/// What the API server says; an object that is gone is no error.
pub async fn read(
    client: &Client,
    kind: Kind,
    namespace: &str,
    name: &str,
) -> Result<Option<Object>, Error> {
    let found = call("read the object", api(client, kind, Some(namespace)).get_opt(name)).await?;
    Ok(found.map(|found| object(kind, &found)))
}

/// The selector of a workload's pods, as a list takes it.
#[must_use]
pub fn pod_selector(object: &Object) -> String {
    let selector: LabelSelector =
        serde_json::from_value(object.value["spec"]["selector"].clone()).unwrap_or_default();
    Selector::try_from(selector).map(|selector| selector.to_string()).unwrap_or_default()
}

/// Lists the objects of a kind in all namespaces that carry `label`.
///
/// # Errors
/// What the API server says.
pub async fn labelled(client: &Client, kind: Kind, label: &str) -> Result<Vec<Object>, Error> {
    let params = ListParams::default().labels(label);
    let found = list::all("list marked objects", &api(client, kind, None), params).await?;
    Ok(found.iter().map(|found| object(kind, found)).collect())
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
    let sent = async {
        let request = request.map_err(kube::Error::BuildRequest)?;
        client.request::<DynamicObject>(request.map(|body| spelled(&body))).await
    };
    call("patch the object", sent).await.map(drop)
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
}
