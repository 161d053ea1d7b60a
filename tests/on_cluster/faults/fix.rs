//! What people and their tools do about a workload whose image is bad, as they do it.

use std::process::Command;

use crate::support::Ground;
use firedrill::faults::Kind;
use serde_json::{Value, json};

pub const IMAGE: &str = "registry.local/busybox:1";
pub const BROKEN: &str = "firedrill.invalid/none";

/// One way to mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fix {
    Undo,
    Edit,
    SetImage,
    Replace,
    ForcedApply,
}

impl Fix {
    pub const ALL: [Self; 5] =
        [Self::Undo, Self::Edit, Self::SetImage, Self::Replace, Self::ForcedApply];

    /// Does it to `web`; `before` is how it was before the fault.
    pub fn happen(self, ground: &Ground, kind: Kind, mut before: Value) {
        let web = format!("{}/web", kind.to_string().to_lowercase());
        before["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] =
            json!("IfNotPresent");
        match self {
            Self::Undo => kubectl(ground, &["rollout", "undo", &web], None),
            Self::Edit => kubectl(ground, &["edit", &web], None),
            Self::SetImage => {
                kubectl(ground, &["set", "image", &web, &format!("web={IMAGE}")], None);
            }
            Self::Replace => kubectl(ground, &["replace", "-f"], Some(&before)),
            Self::ForcedApply => {
                let apply =
                    ["apply", "--server-side", "--force-conflicts", "--field-manager=argocd", "-f"];
                kubectl(ground, &apply, Some(&before));
            }
        }
    }

    /// As whom the API server knows it.
    pub fn by(self) -> &'static str {
        match self {
            Self::Undo => "kubectl (Update)",
            Self::Edit => "kubectl-edit (Update)",
            Self::SetImage => "kubectl-set (Update)",
            Self::Replace => "kubectl-replace (Update)",
            Self::ForcedApply => "argocd (Apply)",
        }
    }

    /// The pull policy that it leaves: some change more than what was broken.
    pub fn leaves(self) -> &'static str {
        match self {
            Self::Undo | Self::SetImage => "Never",
            Self::Edit | Self::Replace | Self::ForcedApply => "IfNotPresent",
        }
    }
}

/// Makes the workload what it was.
pub fn begin_anew(ground: &Ground, before: &Value) {
    kubectl(ground, &["replace", "-f"], Some(before));
}

/// Runs kubectl, with `file` as its last argument; again where somebody else was first, as people do.
fn kubectl(ground: &Ground, args: &[&str], file: Option<&Value>) {
    let editor = format!(
        "sed -i -e 's#image: {BROKEN}#image: {IMAGE}#' -e 's#Policy: Never#Policy: IfNotPresent#'"
    );
    let mut command = Command::new("kubectl");
    command.args(["-n", &ground.namespace]).args(args).env("KUBE_EDITOR", editor);
    let path = std::env::temp_dir().join(format!("{}.json", ground.namespace));
    if let Some(file) = file {
        std::fs::write(&path, file.to_string()).unwrap();
        command.arg(&path);
    }
    let answer = (0..5).find_map(|_| {
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let again = said.contains("the object has been modified");
        (!again).then_some((output.status.success(), said))
    });
    std::fs::remove_file(path).ok();
    let (succeeded, said) = answer.expect("somebody else is not always first");
    assert!(succeeded, "{args:?}: {said}");
}
