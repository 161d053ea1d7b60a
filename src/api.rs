//! The resources of `firedrill.dev/v1alpha1`: their shape, defaults, bounds and rules.
//!
//! The schema is the one place where an input is judged: the API server, the CLI and the tests all
//! read the same rules. Nothing here talks to a cluster.

mod announcement;
pub mod conditions;
pub mod debrief;
mod evidence;
pub mod experiment;
mod facts;
pub mod fault;
pub mod game_day;
pub mod game_day_run;
pub mod gate;
pub mod go_no_go;
pub mod impact;
pub mod journal;
mod lesson;
pub mod lever;
pub mod mark;
mod message;
pub mod names;
pub mod pattern;
mod proof;
pub mod reason;
pub mod run;
mod step;
pub mod union;
pub mod value;

pub use debrief::{Debrief, DebriefSpec, DebriefStatus};
pub use experiment::{Experiment, ExperimentSpec, ExperimentStatus};
pub use game_day::{GameDay, GameDaySpec, GameDayStatus};
pub use game_day_run::{GameDayRun, GameDayRunSpec, GameDayRunStatus};
pub use lever::{SafetyLever, SafetyLeverSpec};
pub use run::{ExperimentRun, ExperimentRunSpec, ExperimentRunStatus};
pub use value::{Duration, Moment, Name};

use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::CustomResourceExt;

/// The custom resource definitions of this version, in the order in which they are installed.
#[must_use]
pub fn definitions() -> &'static [CustomResourceDefinition] {
    // To derive them from the types takes longer than to judge a document by them.
    static DEFINITIONS: LazyLock<[CustomResourceDefinition; 6]> = LazyLock::new(|| {
        [
            Experiment::crd(),
            ExperimentRun::crd(),
            GameDay::crd(),
            GameDayRun::crd(),
            Debrief::crd(),
            SafetyLever::crd(),
        ]
        .map(complete)
    });
    &*DEFINITIONS
}

/// What the types alone cannot say.
fn complete(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let schemas = definition.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        let properties = schema.properties.get_or_insert_default();
        properties.insert("metadata".to_owned(), metadata());
        // A status has one writer. By its fields it would be written down of each which manager wrote it: two fifths of what
        // is stored of a run, and of what each write of it costs the API server.
        if let Some(status) = properties.get_mut("status") {
            status.x_kubernetes_map_type = Some("atomic".to_owned());
        }
    }
    definition
}

/// A rule at the root can only name a field that the definition has, and `metadata.name` is none by itself.
fn metadata() -> JSONSchemaProps {
    let of_type =
        |name: &str| JSONSchemaProps { type_: Some(name.to_owned()), ..Default::default() };
    JSONSchemaProps {
        properties: Some([("name".to_owned(), of_type("string"))].into()),
        ..of_type("object")
    }
}
