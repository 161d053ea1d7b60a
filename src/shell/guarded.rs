//! Objects as they are listed and watched together: one that cannot be read must not stop the others.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use serde_json::value::RawValue;

/// An object, or what is known of one that this version cannot read.
#[derive(Clone, Debug)]
pub struct Guarded<K>(pub Result<K, Unreadable>);

/// What is known of an object that cannot be read.
#[derive(Clone, Debug)]
pub struct Unreadable(pub ObjectMeta);

impl<'de, K: DeserializeOwned> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Known {
            #[serde(default)]
            metadata: ObjectMeta,
        }
        // As text, as it may have to be read twice: values of it would take many times its memory.
        let text = Box::<RawValue>::deserialize(deserializer)?;
        if let Ok(read) = serde_json::from_str(text.get()) {
            return Ok(Self(Ok(read)));
        }
        let known: Known = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        Ok(Self(Err(Unreadable(known.metadata))))
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
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_body_that_cannot_be_read_makes_no_other_unreadable() {
        let object = |name: &str, data: Value| json!({"metadata": {"name": name}, "data": data});
        let objects = [object("good", json!({"k": "v"})), object("bad", json!("no map"))];
        let list = json!(objects).to_string();
        let read: Vec<Guarded<ConfigMap>> = serde_json::from_str(&list).unwrap();
        let from_values: Vec<Guarded<ConfigMap>> = serde_json::from_value(json!(objects)).unwrap();
        for read in [read, from_values] {
            let read = read.iter().map(|one| (one.meta().name.as_deref().unwrap(), one.0.is_ok()));
            assert_eq!(read.collect::<Vec<_>>(), [("good", true), ("bad", false)]);
        }
    }
}
