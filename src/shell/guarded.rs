//! Objects as they are listed and watched together: one that cannot be read must not stop the others.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use serde_json::Value;

/// An object, or what is known of one that this version cannot read.
///
/// Who wrote which field when is left out of its metadata before anything is read: whoever may change an object may
/// write that too, and an instant that this version cannot read would make the list of all of them unreadable.
#[derive(Clone, Debug)]
pub struct Guarded<K>(pub Result<K, Unreadable>);

/// What is known of an object that cannot be read.
#[derive(Clone, Debug)]
pub struct Unreadable(pub ObjectMeta);

impl<'de, K: DeserializeOwned> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = Value::deserialize(deserializer)?;
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        if let Ok(read) = K::deserialize(&object) {
            return Ok(Self(Ok(read)));
        }
        let metadata = object.get_mut("metadata").map(Value::take).unwrap_or_default();
        let metadata = serde_json::from_value(metadata).map_err(D::Error::custom)?;
        Ok(Self(Err(Unreadable(metadata))))
    }
}

impl<K: Resource> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(of: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(of)
    }

    fn group(of: &Self::DynamicType) -> Cow<'_, str> {
        K::group(of)
    }

    fn version(of: &Self::DynamicType) -> Cow<'_, str> {
        K::version(of)
    }

    fn plural(of: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|unreadable| &unreadable.0, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|unreadable| &mut unreadable.0, K::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    use super::*;

    #[test]
    fn neither_a_body_nor_a_note_of_who_wrote_what_makes_the_others_unreadable() {
        let metadata = |name: &str, written: &str| {
            let written = json!([{"manager": "m", "operation": "Update", "time": written}]);
            json!({"name": name, "managedFields": written})
        };
        let (then, beyond) = ("2026-11-24T10:00:00Z", "9999-12-31T23:59:59Z");
        let objects = json!([
            {"metadata": metadata("good", then), "data": {"k": "v"}},
            {"metadata": metadata("noted", beyond), "data": {"k": "v"}},
            {"metadata": metadata("bad", then), "data": "no map"},
            {"metadata": metadata("bad-and-noted", beyond), "data": "no map"},
        ]);
        let read: Vec<Guarded<ConfigMap>> = serde_json::from_value(objects).unwrap();
        let read = read.iter().map(|one| (one.meta().name.as_deref().unwrap(), one.0.is_ok()));
        assert_eq!(
            read.collect::<Vec<_>>(),
            [("good", true), ("noted", true), ("bad", false), ("bad-and-noted", false)]
        );
    }
}
