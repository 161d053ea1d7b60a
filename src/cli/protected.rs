//! Namespaces in which nothing is ever broken, and so nothing is granted.

use std::collections::BTreeMap;

use crate::{api::names::PROTECTED, config::Config};

/// Why nothing is granted in `namespace`, and who may change that; the name alone tells.
#[must_use]
pub fn by_name(namespace: &str, config: &Config, operator_namespace: &str) -> Option<String> {
    let own = if namespace == operator_namespace {
        Some("operator")
    } else {
        (namespace == config.reaper_namespace).then_some("reaper")
    };
    if let Some(own) = own {
        return Some(format!(
            "namespace {namespace} is the {own}'s own, which is always protected: nothing is ever broken there, and nobody can change that"
        ));
    }
    config.protects(namespace).then(|| {
        format!(
            "namespace {namespace} is protected by the operator's configuration: nothing is ever broken there; who installs the operator may change its protectedNamespaces, and then names that file with --config"
        )
    })
}

/// The same for a label on the namespace.
#[must_use]
pub fn by_label(namespace: &str, labels: &BTreeMap<String, String>) -> Option<String> {
    labels.get(PROTECTED).is_some_and(|value| value == "true").then(|| {
        format!(
            "namespace {namespace} carries {PROTECTED}=true: nothing is ever broken there; who may patch namespaces may change that: kubectl label namespace {namespace} {PROTECTED}-"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::names;

    #[track_caller]
    fn check(namespace: &str, config: &str, words: &[&str]) {
        let config: Config = serde_yaml::from_str(config).unwrap();
        let said = by_name(namespace, &config, names::OPERATOR_NAMESPACE);
        assert_eq!(said.is_none(), words.is_empty(), "{namespace}: {said:?}");
        let said = said.unwrap_or_default();
        assert!(words.iter().all(|word| said.contains(word)), "{namespace}: {said}");
    }

    #[test]
    fn what_is_protected_by_its_name_says_why_and_who_may_change_it() {
        let configured = ["protected by the operator's configuration", "protectedNamespaces"];
        check("kube-system", "{}", &configured);
        check("kube-anything", "{}", &configured);
        check("payments", "{protectedNamespaces: [pay*]}", &configured);
        check("firedrill-system", "{}", &["the operator's own", "nobody can change that"]);
        check("firedrill-reaper", "{}", &["the reaper's own"]);
        check("shop", "{}", &[]);
        check("kube-system", "{protectedNamespaces: []}", &[]);
    }

    #[test]
    fn only_the_value_true_of_the_label_protects() {
        let labels = |value: &str| [(PROTECTED.to_owned(), value.to_owned())].into();
        assert_eq!(
            by_label("shop", &labels("true")).as_deref(),
            Some(
                "namespace shop carries firedrill.dev/protected=true: nothing is ever broken there; who may patch namespaces may change that: kubectl label namespace shop firedrill.dev/protected-"
            )
        );
        assert_eq!(by_label("shop", &labels("false")), None);
        assert_eq!(by_label("shop", &BTreeMap::new()), None);
    }
}
