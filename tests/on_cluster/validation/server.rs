//! What the API server says of a file, which is sent to it as it is: the server reads YAML by the same library as
//! `kubectl`.

use firedrill::api::{Debrief, Experiment, ExperimentRun, GameDay, GameDayRun, SafetyLever};
use kube::{Client, Error, Resource, core::Status};

use super::generated::File;

/// What it says.
pub enum Answer {
    Accepted,
    /// Refused for who asked, which stands in no file; so the schema was satisfied. Where another policy refuses too,
    /// the server tells one of them, and not always the same.
    NotThisUser,
    Refused(Box<Status>),
}

/// Asks for a dry run of its creation, strict as `kubectl apply` is.
pub async fn ask(client: &Client, file: &File) -> Answer {
    let namespace = Some(file.namespace.as_str());
    let path = match file.kind.as_str() {
        "Experiment" => Experiment::url_path(&(), namespace),
        "ExperimentRun" => ExperimentRun::url_path(&(), namespace),
        "GameDay" => GameDay::url_path(&(), namespace),
        "GameDayRun" => GameDayRun::url_path(&(), namespace),
        "Debrief" => Debrief::url_path(&(), namespace),
        "SafetyLever" => SafetyLever::url_path(&(), None),
        other => panic!("{other} is no kind of ours"),
    };
    let request = http::Request::post(format!("{path}?dryRun=All&fieldValidation=Strict"))
        .header("Content-Type", "application/yaml")
        .body(file.text.clone().into_bytes())
        .unwrap();
    match client.request::<serde_json::Value>(request).await {
        Ok(_) => Answer::Accepted,
        // These policies judge after the schema.
        Err(Error::Api(status))
            if ["lever", "gamedays", "approvals"].iter().any(|policy| {
                let policy = format!("ValidatingAdmissionPolicy 'firedrill-{policy}'");
                status.message.contains(&policy)
            }) =>
        {
            Answer::NotThisUser
        }
        Err(Error::Api(status)) => Answer::Refused(status),
        Err(error) => panic!("{}: {error}", file.changed),
    }
}

/// The fields that a refusal names. What the server cannot even decode it tells in a sentence: `unknown field "spec.a"`,
/// `Go struct field ObjectMeta.labels of type string`.
pub fn fields(status: &Status) -> Vec<String> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let named = causes.map(|cause| cause.field.clone());
    let mut fields: Vec<String> =
        named.filter(|field| !matches!(field.as_str(), "" | "<nil>")).collect();
    let message = status.message.as_str();
    for begin in ["unknown field \"", "duplicate field \""] {
        let told = message.split(begin).skip(1).filter_map(|rest| rest.split('"').next());
        fields.extend(told.map(str::to_owned));
    }
    if let Some((_, rest)) = message.split_once("ObjectMeta") {
        let field = rest.split([' ', ':']).next().unwrap_or_default();
        fields.push(format!("metadata{field}"));
    }
    if let Some((_, told)) = message.split_once("denied request: ") {
        fields.extend(told.split_once(": ").map(|(field, _)| field.to_owned()));
    }
    if message.starts_with("namespaces \"") {
        fields.push("metadata.namespace".to_owned());
    }
    fields
}
