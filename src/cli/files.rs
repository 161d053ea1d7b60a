//! Reads files with our resources and finds everything that is wrong with them, with its place.

mod depth;
pub mod document;
mod hint;
mod mentioned;
mod metadata;
pub mod schema;
mod yaml;

use std::{collections::HashSet, fmt};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{ResourceExt, core::cel::Validator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    api::{
        Debrief, Experiment, ExperimentRun, GameDay, GameDayRun, SafetyLever, definitions, names,
    },
    cli::view::clean,
    core::{
        gameday,
        plan::{self, Plan},
        words::count,
    },
    shell::clock::Wall,
};
use document::{Kind, Node, Place};
use schema::Problem;

pub use metadata::is_name;

/// One resource of a file.
#[derive(Clone, Debug)]
pub enum Resource {
    /// An Experiment.
    Experiment(Box<Experiment>),
    /// A run.
    Run(Box<ExperimentRun>),
    /// A plan.
    GameDay(Box<GameDay>),
    /// Another resource of ours.
    Ours(String),
    /// A resource of somebody else, which is not judged.
    Other(String),
}

/// Everything that is wrong with a file.
#[derive(Debug)]
pub struct Report {
    name: String,
    text: String,
    resources: usize,
    problems: Vec<Problem>,
}

/// A problem for programs.
#[derive(Serialize)]
struct ProblemJson<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    path: &'a str,
    problem: &'a str,
    help: &'a str,
}

/// Reads every resource of a file, YAML or JSON, one or many documents.
///
/// # Errors
/// With every problem at once.
pub fn read(name: &str, text: &str) -> Result<Vec<Resource>, Report> {
    read_for(name, text, None)
}

/// The same where `-n` names the namespace: no resource of ours may name another.
///
/// # Errors
/// With every problem at once.
pub fn read_for(name: &str, text: &str, namespace: Option<&str>) -> Result<Vec<Resource>, Report> {
    let mut report =
        Report { name: name.to_owned(), text: text.to_owned(), resources: 0, problems: Vec::new() };
    if let Some(place) = depth::too_deep(text) {
        let help =
            format!("more than {} lists and mappings lie in each other here", depth::DEEPEST);
        report.problems.push(found("nested too deep", "", place, help));
        return Err(report);
    }
    let documents = match yaml::documents(text) {
        Ok(documents) => documents,
        Err(error) => {
            let marker = *error.marker();
            let place = Place { line: marker.line(), column: marker.col() + 1, length: 1 };
            report.problems.push(found("no YAML", "", place, error.info().to_owned()));
            return Err(report);
        }
    };
    let mut read = Vec::new();
    for document in documents.into_iter().filter(|node| !matches!(node.kind, Kind::Null)) {
        let items = match document.get("kind").and_then(Node::text) {
            Some("List") => match document.get("items").map(|items| &items.kind) {
                Some(Kind::List(items)) => items.clone(),
                _ => Vec::new(),
            },
            _ => vec![document],
        };
        for item in items {
            report.resources += 1;
            let before = report.problems.len();
            let resource = resource(&item, &mut report.problems);
            if !matches!(resource, Some(Resource::Other(_))) {
                report.problems.extend(elsewhere(&item, namespace));
            }
            read.extend(
                resource.filter(|_| report.problems.len() == before).map(|one| (item, one)),
            );
        }
    }
    if report.resources == 0 {
        let place = Place { line: 1, column: 1, length: 1 };
        report.problems.push(found("no resource", "", place, "the file holds nothing".to_owned()));
    }
    report.problems.extend(mentioned::misspelt(&read));
    if report.problems.is_empty() {
        Ok(read.into_iter().map(|(_, resource)| resource).collect())
    } else {
        Err(report)
    }
}

/// kubectl refuses a file for another namespace than `-n` names: one of the two is a mistake.
fn elsewhere(node: &Node, namespace: Option<&str>) -> Option<Problem> {
    let asked = namespace?;
    let path = "metadata.namespace";
    let said = node.get("metadata")?.get("namespace")?.text().filter(|said| *said != asked)?;
    let help = format!(
        "the file says namespace {said} and -n says {asked}: repeat with -n {said} or without -n"
    );
    Some(found("another namespace", path, node.find(path), help))
}

fn found(title: &str, path: &str, place: Place, help: String) -> Problem {
    Problem { title: title.to_owned(), path: path.to_owned(), place, help }
}

/// Reads one resource; adds what is wrong with it.
fn resource(node: &Node, problems: &mut Vec<Problem>) -> Option<Resource> {
    let text = |key| node.get(key).and_then(Node::text).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    if version.is_empty() || kind.is_empty() {
        let help = format!("a resource needs apiVersion: {}/v1alpha1 and a kind", names::GROUP);
        problems.push(found("no resource", "", node.place, help));
        return None;
    }
    if version.split('/').next() != Some(names::GROUP) {
        return Some(Resource::Other(format!("{kind} of {version}")));
    }
    let definition = definitions().iter().find(|definition| definition.spec.names.kind == kind);
    let Some(definition) = definition.filter(|_| version == format!("{}/v1alpha1", names::GROUP))
    else {
        let known: Vec<_> =
            definitions().iter().map(|definition| definition.spec.names.kind.as_str()).collect();
        let help =
            format!("{kind} of {version} is not known; known are {} of v1alpha1", known.join(", "));
        problems.push(found("unknown kind", "kind", node.find("kind"), help));
        return None;
    };
    let before = problems.len();
    let (schema, status) = schemas(definition);
    problems.extend(twins(node, ""));
    problems.extend(metadata::judge(node, definition.spec.scope == "Namespaced"));
    problems.extend(parts(&schema, status.as_ref(), node));
    if problems.len() > before {
        return None;
    }
    let mut kept = schema::kept(node);
    if let Some(resource) = kept.as_object_mut().filter(|_| status.is_some()) {
        resource.remove("status");
    }
    let resource = typed(kind, &kept)
        .map_err(|error| problems.push(found("wrong value", "", node.place, error.to_string())))
        .ok()?;
    problems.extend(rules(&schema, node, kept));
    // When a plan fires is known only of one that keeps the rules.
    if problems.len() == before || !matches!(resource, Resource::GameDay(_)) {
        problems.extend(beyond_the_schema(&resource, node));
    }
    (problems.len() == before).then_some(resource)
}

/// The schema of a resource, and apart from it that of its status where that is a resource of its own: the server drops
/// a status that is in a file, and so it may hold anything that the schema knows.
fn schemas(definition: &CustomResourceDefinition) -> (Value, Option<Value>) {
    let Some(version) = definition.spec.versions.first() else { return (Value::Null, None) };
    let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
    let mut schema = serde_json::to_value(schema).unwrap_or_default();
    let is_apart = version.subresources.as_ref().is_some_and(|apart| apart.status.is_some());
    let status =
        is_apart.then(|| std::mem::replace(&mut schema["properties"]["status"], json!({})));
    (schema, status)
}

/// Keys that stand twice in a mapping.
fn twins(node: &Node, path: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = HashSet::new();
    for (key, value) in node.entries() {
        let field = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
        if !seen.insert(&key.name) {
            let help = format!("{} stands here a second time; keep one", key.name);
            problems.push(found("duplicate", &field, key.place, help));
        }
        problems.extend(twins(value, &field));
    }
    if let Kind::List(items) = &node.kind {
        let items = items.iter().enumerate();
        problems.extend(items.flat_map(|(i, item)| twins(item, &format!("{path}[{i}]"))));
    }
    problems
}

/// `spec` by the schema, a status that is dropped by its own, and top-level keys that do not belong.
fn parts(schema: &Value, dropped: Option<&Value>, node: &Node) -> Vec<Problem> {
    let mut schema = schema.clone();
    for key in ["apiVersion", "kind", "metadata"] {
        schema["properties"][key] = json!({});
    }
    let mut problems = schema::judge(&schema, node, "");
    if let (Some(dropped), Some(status)) = (dropped, node.get("status")) {
        problems.extend(schema::strangers(dropped, status, "status"));
    }
    problems
}

/// The resource with its defaults.
fn typed(kind: &str, value: &Value) -> Result<Resource, serde_json::Error> {
    Ok(match kind {
        "Experiment" => Resource::Experiment(Box::new(Experiment::deserialize(value)?)),
        "ExperimentRun" => Resource::Run(Box::new(ExperimentRun::deserialize(value)?)),
        "GameDay" => Resource::GameDay(Box::new(GameDay::deserialize(value)?)),
        "GameDayRun" => Resource::Ours(GameDayRun::deserialize(value)?.name_any()),
        "Debrief" => Resource::Ours(Debrief::deserialize(value)?.name_any()),
        _ => Resource::Ours(SafetyLever::deserialize(value)?.name_any()),
    })
}

/// The rules in CEL, which the API server judges by the same text.
fn rules(schema: &Value, node: &Node, mut object: Value) -> Vec<Problem> {
    object["metadata"]["name"] = node.get("metadata").and_then(metadata::name).into();
    let Err(errors) = Validator::new().validate(schema, &object, None) else {
        return Vec::new();
    };
    let problem = |error: &kube::core::cel::ValidationError| {
        let path = error.field_path.trim_start_matches('.').to_owned();
        found("against a rule", &path, node.find(&path), error.message.clone())
    };
    errors.as_slice().iter().map(problem).collect()
}

/// What is valid and may still not be meant.
#[must_use]
pub fn warnings(resource: &Resource) -> Vec<String> {
    let spec = match resource {
        Resource::Experiment(experiment) => Some(&experiment.spec),
        Resource::Run(run) => run.spec.template.as_deref(),
        Resource::GameDay(_) | Resource::Ours(_) | Resource::Other(_) => None,
    };
    let Some(plan) = spec.and_then(|spec| Plan::parse(spec).ok()) else { return Vec::new() };
    let unread = plan.watched().filter(|(.., matchers)| !matchers.is_classic());
    let unread = unread.map(|(path, ..)| {
        format!(
            "{path}: the UTF-8 parser of matchers reads this; an alert source in classic mode would refuse it"
        )
    });
    plan.warnings().iter().map(ToString::to_string).chain(unread).collect()
}

/// What the schema cannot judge, and the operator refuses: regular expressions, and when a plan fires.
fn beyond_the_schema(resource: &Resource, node: &Node) -> Vec<Problem> {
    let experiment = |spec| Plan::parse(spec).err().unwrap_or_default();
    let (problems, place) = match resource {
        Resource::Experiment(one) => (experiment(&one.spec), "spec."),
        Resource::Run(run) => {
            (run.spec.template.as_deref().map(experiment).unwrap_or_default(), "spec.template.")
        }
        Resource::GameDay(day) => {
            (gameday::plan::problems(&day.spec, Wall::machine().now()), "spec.")
        }
        Resource::Ours(_) | Resource::Other(_) => (Vec::new(), ""),
    };
    let problem = |problem: plan::Problem| {
        let path = problem.path.replacen("spec.", place, 1);
        found("wrong value", &path, node.find(&path), problem.message)
    };
    problems.into_iter().map(problem).collect()
}

impl Report {
    /// The problems for programs, as a JSON array.
    #[must_use]
    pub fn json(&self) -> Value {
        let line = |problem: &Problem| {
            serde_json::to_value(ProblemJson {
                file: &self.name,
                line: problem.place.line,
                column: problem.place.column,
                path: &problem.path,
                problem: &problem.title,
                help: &problem.help,
            })
        };
        self.problems.iter().map(|problem| line(problem).unwrap_or_default()).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut problems: Vec<&Problem> = self.problems.iter().collect();
        problems.sort_by_key(|problem| (problem.place.line, problem.place.column));
        for problem in &problems {
            let Place { line, column, length } = problem.place;
            let source = clean(self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default());
            let margin = line.to_string().len();
            writeln!(f, "error: {}", problem.title)?;
            writeln!(
                f,
                "{:margin$}--> {}:{line}:{column}   {}",
                "",
                self.name,
                clean(&problem.path)
            )?;
            writeln!(f, "{:margin$} |", "")?;
            writeln!(f, "{line} | {source}")?;
            let (indent, marks) = (" ".repeat(column.saturating_sub(1)), "^".repeat(length));
            writeln!(f, "{:margin$} | {indent}{marks} {}\n", "", clean(&problem.help))?;
        }
        write!(
            f,
            "{}: {} in {}; nothing was sent to the cluster.",
            self.name,
            count(problems.len(), "problem"),
            count(self.resources, "resource")
        )
    }
}
