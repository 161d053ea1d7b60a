//! Planted bugs in the patches that arm and disarm a target.

use serde_json::{Value, json};

use super::{Plant, Tampered};
use crate::{
    judge::effects::MARK,
    proxy::{wire::Request, write},
};

impl Plant {
    pub(super) fn tamper_target(self, request: &mut Request, patch: &Value) -> Tampered {
        let (Some(steps), Some(state)) = (patch.as_array(), write::mark(patch)) else {
            return Tampered::Sent;
        };
        match (self, state.as_str()) {
            (Self::ArmsWithoutTest, "armed") => {
                request.body = json!(without_tests(steps)).to_string().into_bytes();
                Tampered::Sent
            }
            (Self::ArmsAgain, "armed") => {
                let mut steps = without_tests(steps);
                for step in steps.iter_mut().filter(|step| step["path"] == MARK) {
                    let mark = step["value"].as_str().unwrap_or_default();
                    step["value"] = json!(mark.replace(".1.armed", ".2.armed"));
                }
                let body = json!(steps).to_string().into_bytes();
                Tampered::Followed(Request { body, ..request.clone() })
            }
            (Self::SkipsRevert, "revoked") => Tampered::Hidden(merge_patch(steps)),
            (Self::OverwritesFix, "revoked") => {
                let image = "/spec/template/spec/containers/0/image";
                let restore =
                    json!({"op": "replace", "path": image, "value": "registry.local/busybox:1"});
                let steps: Vec<&Value> = steps.iter().chain([&restore]).collect();
                request.body = json!(steps).to_string().into_bytes();
                Tampered::Sent
            }
            _ => Tampered::Sent,
        }
    }
}

fn without_tests(steps: &[Value]) -> Vec<Value> {
    steps.iter().filter(|step| step["op"] != "test").cloned().collect()
}

/// The same change as a merge patch; nothing in it may lie in a list.
fn merge_patch(steps: &[Value]) -> Value {
    let mut merged = json!({});
    for step in steps.iter().filter(|step| step["op"] != "test") {
        let path = step["path"].as_str().unwrap_or_default();
        let keys = path.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~"));
        let place = keys.fold(&mut merged, |place, key| &mut place[key]);
        *place = step["value"].clone();
    }
    merged
}
