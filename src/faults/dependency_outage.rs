//! `dependencyOutage`: something that the target depends on becomes unreachable.

use serde_json::{Value, json};

use super::{
    arming::{Arming, Related},
    behaviour::{Behaviour, Harm, Means, Sign},
    field::find,
    isolation::Cut,
    object::{Kind, Object},
};
use crate::api::{
    experiment::Target,
    fault::{DependencyOutage, Egress, Scalable},
    run::FieldChange,
};

/// A name that never resolves (RFC 2606).
const NOWHERE: &str = "firedrill.invalid";
/// The key that is added to a selector; no pod carries it.
const BLACKHOLE: &str = "/spec/selector/firedrill.dev~1blackhole";
/// The key that keeps a created policy from selecting anything.
const INERT: &str = "/spec/podSelector/matchLabels/firedrill.dev~1inert";

pub(super) fn behaviour(outage: &DependencyOutage) -> Behaviour<'_> {
    let (name, kind) = outage.dependency();
    Behaviour {
        means: Means::Arm(outage),
        harm: Harm::Dependency { name, kind },
        sign: outage.sign(),
    }
}

impl Arming for DependencyOutage {
    fn object(&self, target: &Target) -> (Kind, String) {
        if let ((name, Some(kind)), None) = (self.dependency(), &self.egress) {
            return (kind, name.to_owned());
        }
        let (kind, name) = target.parts();
        (Kind::NetworkPolicy, format!("firedrill-{kind}-{name}"))
    }

    fn fields(&self, object: &Object, run: &str) -> Result<Vec<FieldChange>, String> {
        let spec = &object.value["spec"];
        let changed = |name, at: &str, set: &Value| {
            let was = find(&object.value, at).and_then(|place| place.value);
            Ok(vec![FieldChange::new(name, at, was.unwrap_or(&Value::Null), set)])
        };
        if self.blackhole.is_some() {
            if spec["selector"].as_object().is_none_or(serde_json::Map::is_empty) {
                return Err("it has no selector, so there is nothing to take away".to_owned());
            }
            return changed("selector", BLACKHOLE, &json!(run));
        }
        if self.external_name.is_some() {
            if spec["type"] != "ExternalName" {
                let kind = spec["type"].as_str().unwrap_or_default();
                return Err(format!(
                    "its type is {kind}; only one of type ExternalName can be swapped"
                ));
            }
            return changed("external-name", "/spec/externalName", &json!(NOWHERE));
        }
        if self.scale_to_zero.is_some() {
            if spec["replicas"] == 0 {
                return Err("it has 0 replicas already".to_owned());
            }
            return changed("replicas", "/spec/replicas", &json!(0));
        }
        changed("inert", INERT, &Value::Null)
    }

    fn keeps(&self, _: &Object, desired: usize) -> (usize, String) {
        (desired, "the target's own pods stay".to_owned())
    }

    fn verb(&self) -> &'static str {
        match (&self.egress, &self.blackhole, &self.external_name) {
            (Some(_), _, _) => "patch of a NetworkPolicy",
            (_, Some(_), _) => "patch of a Service's selector",
            (_, _, Some(_)) => "patch of a Service's external name",
            _ => "patch of replicas to 0",
        }
    }

    fn consequence(&self, target: &Target) -> Option<String> {
        let cut = self.cut().map(|cut| match cut {
            Cut::Service(name) => format!("{target} would not reach Service {name}"),
            Cut::Range(range) => format!("{target} would not reach {range}"),
        });
        let blackhole = self.blackhole.as_ref();
        cut.or_else(|| {
            blackhole
                .map(|dependency| format!("Service {} would select no pod", dependency.service))
        })
    }

    fn cut(&self) -> Option<Cut<'_>> {
        Some(match self.egress.as_ref()? {
            Egress::Service(name) => Cut::Service(name),
            Egress::Cidr(range) => Cut::Range(&range.0),
        })
    }

    fn related(&self) -> Vec<Related<'_>> {
        match (&self.egress, &self.blackhole) {
            (Some(_), _) => vec![Related::NetworkPolicies, Related::Pods],
            (None, Some(dependency)) => vec![Related::Endpoints(&dependency.service)],
            (None, None) => Vec::new(),
        }
    }
}

impl DependencyOutage {
    /// What becomes unreachable: its name, or the range of addresses, and its kind.
    fn dependency(&self) -> (&str, Option<Kind>) {
        let service = self.blackhole.as_ref().or(self.external_name.as_ref());
        match (service, &self.scale_to_zero, &self.egress) {
            (Some(service), _, _) => (&service.service, Some(Kind::Service)),
            (_, Some(Scalable::Deployment(name)), _) => (name, Some(Kind::Deployment)),
            (_, Some(Scalable::StatefulSet(name)), _) => (name, Some(Kind::StatefulSet)),
            (_, _, Some(Egress::Service(name))) => (name, Some(Kind::Service)),
            (_, _, Some(Egress::Cidr(range))) => (&range.0, None),
            (None, None, None) => ("", None),
        }
    }

    fn sign(&self) -> Option<Sign<'_>> {
        match (&self.observe, &self.scale_to_zero) {
            (Some(probe), _) => Some(Sign::ProbeFails(probe)),
            (None, Some(_)) => Some(Sign::NoReplicas),
            (None, None) => {
                self.blackhole.as_ref().map(|dependency| Sign::NoEndpoints(&dependency.service))
            }
        }
    }
}
