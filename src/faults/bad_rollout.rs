//! `badRollout`: one field of the target's pod template is broken, and Kubernetes rolls that out.

use serde_json::{Value, json};

use super::{
    arming::Arming,
    behaviour::{Behaviour, Harm, Means, Sign},
    field::{self, escape},
    object::{Kind, Object},
};
use crate::api::{
    experiment::Target,
    fault::{BadRollout, EnvChange},
    run::FieldChange,
};

/// A port on which nothing listens.
const CLOSED_PORT: i32 = 1;
/// An extended resource that no node has.
const NO_RESOURCE: &str = "firedrill.dev/none";

pub(super) fn behaviour(rollout: &BadRollout) -> Behaviour<'_> {
    Behaviour {
        means: Means::Arm(rollout),
        harm: Harm::Target("a broken rollout"),
        sign: Some(Sign::NewRevision),
    }
}

impl Arming for BadRollout {
    fn object(&self, target: &Target) -> (Kind, String) {
        let kind = match target {
            Target::StatefulSet(_) => Kind::StatefulSet,
            Target::DaemonSet(_) => Kind::DaemonSet,
            Target::Deployment(_) | Target::Service(_) => Kind::Deployment,
        };
        (kind, target.parts().1.to_string())
    }

    fn fields(&self, object: &Object, _: &str) -> Result<Vec<FieldChange>, String> {
        let container = Container::of(object, self.container.as_deref())?;
        if let Some(image) = &self.image {
            return Ok(vec![container.change("image", "/image", &json!(image))?]);
        }
        if let Some(command) = &self.command {
            return Ok(vec![container.change("command", "/command", &json!(command))?]);
        }
        if let Some(change) = &self.env {
            return Ok(vec![container.variable(change)?]);
        }
        if let Some(key) = &self.config_map_key {
            return Ok(vec![container.config_map_key(&key.env)?]);
        }
        if self.readiness_probe.is_some() {
            return Ok(vec![container.readiness_probe()?]);
        }
        let none = escape(NO_RESOURCE);
        Ok(vec![
            container.change("limit", &format!("/resources/limits/{none}"), &json!("1"))?,
            container.change("request", &format!("/resources/requests/{none}"), &json!("1"))?,
        ])
    }

    fn keeps(&self, object: &Object, desired: usize) -> (usize, String) {
        let spec = &object.value["spec"];
        if !self.is_held_back(object) {
            let why = "a crashing container without readiness probe or minReadySeconds counts as \
                       available for a moment, so Kubernetes replaces every pod";
            return (0, why.to_owned());
        }
        let (strategy, path) = match object.kind {
            Kind::Deployment => (&spec["strategy"], "strategy"),
            _ => (&spec["updateStrategy"], "updateStrategy"),
        };
        match strategy["type"].as_str() {
            Some("Recreate") => (0, format!("{path} Recreate takes every pod away first")),
            Some("OnDelete") => (desired, format!("{path} OnDelete replaces no pod by itself")),
            _ => {
                let limit = &strategy["rollingUpdate"]["maxUnavailable"];
                let gone = unavailable(limit, desired, object.kind);
                let why = format!("the rolling update takes at most {gone} pods away");
                (desired.saturating_sub(gone), why)
            }
        }
    }

    fn verb(&self) -> &'static str {
        "patch of the pod template"
    }
}

impl BadRollout {
    /// Whether Kubernetes stops the rollout by itself: always when the new pods can never be ready.
    fn is_held_back(&self, object: &Object) -> bool {
        if self.command.is_none() && self.env.is_none() && self.image.is_none() {
            return true;
        }
        let waits = object.value["spec"]["minReadySeconds"].as_i64().unwrap_or(0) > 0;
        let container = Container::of(object, self.container.as_deref());
        let probed = container.is_ok_and(|container| !container.value["readinessProbe"].is_null());
        waits || probed || self.image.as_deref().is_some_and(|image| image.contains(".invalid/"))
    }
}

/// How many pods a rolling update takes away at once; `StatefulSets` and `DaemonSets` one by default.
fn unavailable(limit: &Value, desired: usize, kind: Kind) -> usize {
    let number = |text: &str| text.parse::<usize>().ok();
    let percent = limit.as_str().and_then(|text| text.strip_suffix('%')).and_then(number);
    match (limit.as_u64(), percent) {
        (Some(count), _) => usize::try_from(count).unwrap_or(desired),
        (None, Some(percent)) => desired * percent / 100,
        (None, None) if kind == Kind::Deployment => desired / 4,
        (None, None) => 1,
    }
}

/// The container that is broken.
struct Container<'a> {
    name: &'a str,
    value: &'a Value,
    object: &'a Object,
}

impl<'a> Container<'a> {
    fn of(object: &'a Object, wanted: Option<&str>) -> Result<Self, String> {
        let containers = object.value["spec"]["template"]["spec"]["containers"].as_array();
        let containers = containers.map(Vec::as_slice).unwrap_or_default();
        let named = |container: &&Value| wanted.is_none_or(|name| container["name"] == *name);
        let Some(value) = containers.iter().find(named) else {
            let known: Vec<_> = containers.iter().filter_map(|one| one["name"].as_str()).collect();
            let wanted = wanted.unwrap_or_default();
            return Err(format!("it has no container {wanted}, but {}", known.join(", ")));
        };
        Ok(Self { name: value["name"].as_str().unwrap_or_default(), value, object })
    }

    /// A change of the field at `path` below this container to `set`.
    fn change(&self, name: &str, path: &str, set: &Value) -> Result<FieldChange, String> {
        let at = format!("/spec/template/spec/containers/name={}{path}", escape(self.name));
        let place = field::find(&self.object.value, &at);
        let was = place.and_then(|place| place.value).unwrap_or(&Value::Null);
        if was == set {
            return Err(format!("{name} of container {} has that value already", self.name));
        }
        Ok(FieldChange::new(name, at, was, set))
    }

    /// The variable of that name, and its place. Of two the last one counts, and a field is found by the first.
    fn named(&self, name: &str) -> Result<Option<(usize, &Value)>, String> {
        let variables = self.value["env"].as_array().into_iter().flatten().enumerate();
        let mut named = variables.filter(|(_, variable)| variable["name"] == *name);
        match (named.next(), named.next()) {
            (found, None) => Ok(found),
            _ => {
                Err(format!("container {} has variable {name} twice; take another one", self.name))
            }
        }
    }

    fn variable(&self, change: &EnvChange) -> Result<FieldChange, String> {
        let name = &change.name;
        let path = format!("/env/name={}", escape(name));
        match (self.named(name)?, &change.value) {
            (Some((_, found)), _) if !found["valueFrom"].is_null() => Err(format!(
                "variable {name} takes its value from elsewhere; use configMapKey, or another one"
            )),
            (Some((place, _)), None) => {
                self.change("env", &format!("/env/[{place}]name={}", escape(name)), &Value::Null)
            }
            (Some(_), Some(value)) => self.change("env", &format!("{path}/value"), &json!(value)),
            (None, Some(value)) => {
                self.change("env", &path, &json!({"name": name, "value": value}))
            }
            (None, None) => Err(format!("container {} has no variable {name}", self.name)),
        }
    }

    fn config_map_key(&self, name: &str) -> Result<FieldChange, String> {
        let reference = self.named(name)?.map(|(_, found)| &found["valueFrom"]["configMapKeyRef"]);
        if reference.is_none_or(|reference| !reference["key"].is_string()) {
            return Err(format!(
                "container {} reads no variable {name} from a ConfigMap",
                self.name
            ));
        }
        if reference.is_some_and(|reference| reference["optional"] == true) {
            return Err(format!("variable {name} is optional, so a missing key breaks nothing"));
        }
        let path = format!("/env/name={}/valueFrom/configMapKeyRef/key", escape(name));
        self.change("config-map-key", &path, &json!("firedrill.invalid"))
    }

    /// The smallest change that makes the probe fail.
    fn readiness_probe(&self) -> Result<FieldChange, String> {
        let probe = &self.value["readinessProbe"];
        let way = ["httpGet", "tcpSocket", "grpc"].into_iter().find(|way| !probe[*way].is_null());
        let change = |path: &str, set: &Value| self.change("readiness-probe", path, set);
        match way {
            Some(way) => change(&format!("/readinessProbe/{way}/port"), &json!(CLOSED_PORT)),
            None if !probe["exec"].is_null() => {
                change("/readinessProbe/exec/command", &json!(["firedrill.invalid"]))
            }
            // Every default is spelled out, so that the field still equals our value when read.
            None => change(
                "/readinessProbe",
                &json!({
                    "tcpSocket": {"port": CLOSED_PORT}, "timeoutSeconds": 1, "periodSeconds": 10,
                    "successThreshold": 1, "failureThreshold": 3,
                }),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_there_twice_is_refused_as_the_first_would_be_found_and_the_last_counts() {
        let change = |name: &str, value: Option<&str>| {
            let env = EnvChange { name: name.to_owned(), value: value.map(str::to_owned) };
            let rollout = BadRollout { env: Some(env), ..BadRollout::default() };
            let env =
                json!([{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": "2"}]);
            let containers = json!([{"name": "web", "env": env}]);
            let value = json!({"spec": {"template": {"spec": {"containers": containers}}}});
            rollout.fields(&Object { kind: Kind::Deployment, value }, "run")
        };
        for value in [None, Some("3")] {
            let refused = change("A", value).unwrap_err();
            assert_eq!(refused, "container web has variable A twice; take another one");
            assert!(change("B", value).is_ok());
        }
    }
}
