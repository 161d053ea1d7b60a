//! One change of what people write: read, changed, and written on the version that was read, so that nobody's is lost.

use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Map, Value, json};

use super::{next::next, show::read};
use crate::{
    api::{Debrief, DebriefSpec, Moment, names},
    cli::{
        connect::Cluster,
        exit::{Exit, Failure},
    },
    debrief::{clock::Clock, plain},
    shell::call::call,
};

/// How often a change is made anew where somebody else has written meanwhile.
const TRIES: u32 = 8;

/// A debrief that was read, and when.
pub struct Seen {
    /// The debrief.
    pub debrief: Debrief,
    /// The clock on its team's wall.
    pub clock: Clock,
    /// When it is changed.
    pub now: Moment,
}

impl Seen {
    /// The instant that people wrote behind a flag.
    pub fn instant(&self, flag: &str, text: &str) -> Result<Moment, Failure> {
        instant(&self.clock, self.now, flag, text)
    }

    /// The instant behind a flag that cannot lie ahead; now where there is none.
    pub fn past(&self, flag: &str, text: Option<&str>) -> Result<Moment, Failure> {
        let at = text.map_or(Ok(self.now), |text| self.instant(flag, text))?;
        if at > self.now {
            return Err(Failure::invalid(format!(
                "{flag}: {} is still to come; say it once it is so",
                self.shown(at)
            )));
        }
        Ok(at)
    }

    /// The instant as the team's clock shows it.
    pub fn shown(&self, at: Moment) -> String {
        format!("{} ({})", self.clock.minute(at), self.clock.name())
    }
}

/// The instant that people wrote behind a flag.
pub fn instant(clock: &Clock, now: Moment, flag: &str, text: &str) -> Result<Moment, Failure> {
    clock.read(text, now).map_err(|why| Failure::invalid(format!("{flag}: {why}")))
}

/// The clock of a debrief's team.
pub fn clock_of(spec: &DebriefSpec) -> Result<Clock, Failure> {
    Clock::of(&spec.policy).ok_or_else(|| Failure::invalid("spec.policy: its hours are none"))
}

/// A reason that is long enough to be one.
pub fn reason(text: &str, least: usize) -> Result<String, Failure> {
    let (text, length) = (text.trim(), text.trim().chars().count());
    if length < least {
        return Err(Failure::invalid(format!(
            "--reason: {length} characters say too little; say why in at least {least}"
        )));
    }
    Ok(text.to_owned())
}

/// Makes a change, and tells what was done and what is next. On a conflict it is made anew on what is there then, where
/// `change` finds that it still may be.
pub async fn change(
    cluster: &Cluster,
    name: &str,
    now: Moment,
    change: impl Fn(&Seen, &mut DebriefSpec) -> Result<String, Failure>,
) -> Result<String, Failure> {
    let mut uid = None;
    for _ in 0..TRIES {
        let debrief = read(cluster.client.clone(), &cluster.namespace, name).await?;
        if uid.is_some() && uid != debrief.uid() {
            return Err(Failure::invalid(format!(
                "debrief {name} is another one by now; look at it and repeat"
            )));
        }
        uid = debrief.uid();
        let clock = clock_of(&debrief.spec)?;
        let seen = Seen { debrief, clock, now };
        let mut spec = seen.debrief.spec.clone();
        let said = change(&seen, &mut spec)?;
        if let Written::Done(debrief) = write(cluster, &seen.debrief, &spec).await? {
            let next = next(&debrief, &seen.clock, now);
            return Ok(plain(&format!("debrief {name}: {said}. Next: {next}")));
        }
    }
    let message = format!("debrief {name} has changed {TRIES} times meanwhile; repeat");
    Err(Failure::new(Exit::Infrastructure, message))
}

/// What became of a write.
pub enum Written {
    /// It was done; the debrief as it is then.
    Done(Box<Debrief>),
    /// Somebody else has written meanwhile.
    Conflict,
}

/// Writes what differs in `spec`, on the version that was read.
pub async fn write(
    cluster: &Cluster,
    read: &Debrief,
    spec: &DebriefSpec,
) -> Result<Written, Failure> {
    let debriefs: Api<Debrief> = Api::namespaced(cluster.writes.clone(), &cluster.namespace);
    let as_json = |spec: &DebriefSpec| serde_json::to_value(spec).unwrap_or_default();
    let patch = Patch::Merge(json!({
        "metadata": {"resourceVersion": read.resource_version(), "uid": read.uid()},
        "spec": difference(&as_json(&read.spec), &as_json(spec)),
    }));
    let params = PatchParams {
        field_manager: Some(names::CLI_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match call("write the debrief", debriefs.patch(&read.name_any(), &params, &patch)).await {
        Ok(debrief) => Ok(Written::Done(Box::new(debrief))),
        Err(error) if error.code() == Some(409) => Ok(Written::Conflict),
        Err(error) => Err(Failure::refused(error)),
    }
}

/// The merge patch (RFC 7396) that makes `after` of `before`.
fn difference(before: &Value, after: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return after.clone();
    };
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    let mut patch: Map<String, Value> = gone.map(|key| (key.clone(), Value::Null)).collect();
    for (key, value) in new.iter().filter(|(key, value)| old.get(*key) != Some(value)) {
        let known = old.get(key).unwrap_or(&Value::Null);
        patch.insert(key.clone(), difference(known, value));
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_holds_what_differs_and_takes_away_what_is_gone() {
        let before =
            json!({"a": 1, "gone": {"x": 1}, "in": {"kept": 1, "gone": 2, "new": 1}, "list": [1]});
        let after = json!({"a": 1, "in": {"kept": 1, "new": 2}, "list": [1, 2], "added": {"y": 1}});
        assert_eq!(
            difference(&before, &after),
            json!({"gone": null, "in": {"gone": null, "new": 2}, "list": [1, 2], "added": {"y": 1}})
        );
    }
}
