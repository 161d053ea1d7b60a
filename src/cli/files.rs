//! Reads files with our resources and finds everything that is wrong with them, with its place.

mod depth;
pub mod document;
mod hint;
pub mod schema;

use std::fmt;

use kube::{ResourceExt, core::cel::Validator};
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde::Serialize;
use serde_json::Value;

use crate::{
    api::{Debrief, Experiment, ExperimentRun, SafetyLever, definitions, names},
    cli::view::clean,
    core::{
        plan::{self, Plan},
        words::count,
    },
};
use document::{Key, Kind, Node, Place};
use schema::Problem;

/// One resource of a file.
#[derive(Clone, Debug)]
pub enum Resource {
    /// An Experiment.
    Experiment(Box<Experiment>),
    /// A run.
    Run(Box<ExperimentRun>),
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
    let documents = match MarkedYaml::load_from_str(text) {
        Ok(documents) => documents,
        Err(error) => {
            let marker = *error.marker();
            let place = Place { line: marker.line(), column: marker.col() + 1, length: 1 };
            report.problems.push(found("no YAML", "", place, error.info().to_owned()));
            return Err(report);
        }
    };
    let mut resources = Vec::new();
    for document in documents.iter().map(node).filter(|node| !matches!(node.kind, Kind::Null)) {
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
            let read = resource(&item, &mut report.problems);
            if !matches!(read, Some(Resource::Other(_))) {
                report.problems.extend(elsewhere(&item, namespace));
            }
            resources.extend(read.filter(|_| report.problems.len() == before));
        }
    }
    if report.resources == 0 {
        let place = Place { line: 1, column: 1, length: 1 };
        report.problems.push(found("no resource", "", place, "the file holds nothing".to_owned()));
    }
    if report.problems.is_empty() { Ok(resources) } else { Err(report) }
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
    let full = definition.spec.versions.first().and_then(|version| version.schema.as_ref());
    let full = full.and_then(|schema| schema.open_api_v3_schema.as_ref());
    let full = serde_json::to_value(full).unwrap_or_default();
    metadata(node, problems);
    problems.extend(parts(&full, node));
    if problems.len() > before {
        return None;
    }
    let resource = typed(kind, node.value())
        .map_err(|error| problems.push(found("wrong value", "", node.place, error.to_string())))
        .ok()?;
    problems.extend(rules(&full, node, &resource.1));
    problems.extend(expressions(&resource.0, node));
    (problems.len() == before).then_some(resource.0)
}

/// The name that every resource needs, as the server has it.
fn metadata(node: &Node, problems: &mut Vec<Problem>) {
    let Some(metadata) = node.get("metadata") else {
        problems.push(found(
            "missing field",
            "metadata",
            node.place,
            "metadata.name is needed".to_owned(),
        ));
        return;
    };
    let name = metadata.get("name").and_then(Node::text);
    if name.is_none() && metadata.get("generateName").is_none() {
        problems.push(found(
            "missing field",
            "metadata.name",
            metadata.place,
            "a name is needed".to_owned(),
        ));
    }
    if let Some(name) = name.filter(|name| !is_name(name)) {
        let help = format!(
            "{name:?} must be lower-case letters, digits, - and ., and begin and end with a letter or digit"
        );
        problems.push(found("wrong value", "metadata.name", metadata.find("name"), help));
    }
}

/// Whether the API server would take it as the name of an object.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inner = |c: char| letters(c) || c == '-' || c == '.';
    name.starts_with(letters)
        && name.ends_with(letters)
        && name.chars().all(inner)
        && name.len() <= 253
        && name.split('.').all(|part| part.starts_with(letters) && part.ends_with(letters))
}

/// `spec` and `status` by the schema, and top-level keys that do not belong.
fn parts(schema: &Value, node: &Node) -> Vec<Problem> {
    let mut schema = schema.clone();
    for key in ["apiVersion", "kind", "metadata"] {
        schema["properties"][key] = Value::Object(serde_json::Map::new());
    }
    schema::judge(&schema, node, "")
}

/// The resource with its defaults, typed and as JSON.
fn typed(kind: &str, value: Value) -> Result<(Resource, Value), serde_json::Error> {
    Ok(match kind {
        "Experiment" => {
            let experiment: Experiment = serde_json::from_value(value)?;
            let value = serde_json::to_value(&experiment)?;
            (Resource::Experiment(Box::new(experiment)), value)
        }
        "ExperimentRun" => {
            let run: ExperimentRun = serde_json::from_value(value)?;
            let value = serde_json::to_value(&run)?;
            (Resource::Run(Box::new(run)), value)
        }
        "Debrief" => {
            let debrief: Debrief = serde_json::from_value(value)?;
            (Resource::Ours(debrief.name_any()), serde_json::to_value(&debrief)?)
        }
        _ => {
            let lever: SafetyLever = serde_json::from_value(value)?;
            (Resource::Ours(lever.name_any()), serde_json::to_value(&lever)?)
        }
    })
}

/// The rules in CEL, which the API server judges by the same text.
fn rules(schema: &Value, node: &Node, object: &Value) -> Vec<Problem> {
    let Err(errors) = Validator::new().validate(schema, object, None) else {
        return Vec::new();
    };
    let problem = |error: &kube::core::cel::ValidationError| {
        let path = error.field_path.trim_start_matches('.').to_owned();
        let help = chosen(&error.message, node.at(&path));
        let help = help.unwrap_or_else(|| error.message.clone());
        found("against a rule", &path, node.find(&path), help)
    };
    errors.as_slice().iter().map(problem).collect()
}

/// What a rule such as `exactly one of count, percent` asks for, where these are given.
fn chosen(rule: &str, node: &Node) -> Option<String> {
    let members: Vec<&str> = rule.strip_prefix("exactly one of ")?.split(", ").collect();
    let given = |name: &&str| node.get(name).is_some_and(|value| !matches!(value.kind, Kind::Null));
    let given: Vec<&str> = members.iter().copied().filter(given).collect();
    Some(format!("{rule}: {}", hint::choose(&members, &given)))
}

/// What is valid and may still not be meant.
#[must_use]
pub fn warnings(resource: &Resource) -> Vec<String> {
    let spec = match resource {
        Resource::Experiment(experiment) => Some(&experiment.spec),
        Resource::Run(run) => run.spec.template.as_ref(),
        Resource::Ours(_) | Resource::Other(_) => None,
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

/// What the schema cannot judge: regular expressions, which the operator refuses at the start of a run.
fn expressions(resource: &Resource, node: &Node) -> Vec<Problem> {
    let (spec, place) = match resource {
        Resource::Experiment(experiment) => (Some(&experiment.spec), "spec."),
        Resource::Run(run) => (run.spec.template.as_ref(), "spec.template."),
        Resource::Ours(_) | Resource::Other(_) => (None, ""),
    };
    let problems = spec.and_then(|spec| Plan::parse(spec).err()).unwrap_or_default();
    let problem = |problem: plan::Problem| {
        let path = problem.path.replacen("spec.", place, 1);
        found("wrong value", &path, node.find(&path), problem.message)
    };
    problems.into_iter().map(problem).collect()
}

fn node(yaml: &MarkedYaml<'_>) -> Node {
    let kind = match &yaml.data {
        YamlData::Value(scalar) => match scalar {
            Scalar::Null => Kind::Null,
            Scalar::Boolean(value) => Kind::Bool(*value),
            #[expect(clippy::cast_precision_loss, reason = "no field of ours holds such numbers")]
            Scalar::Integer(value) => Kind::Number(*value as f64),
            Scalar::FloatingPoint(value) => Kind::Number(value.into_inner()),
            Scalar::String(text) => Kind::Text(text.to_string()),
        },
        YamlData::Sequence(items) => Kind::List(items.iter().map(node).collect()),
        YamlData::Mapping(entries) => {
            Kind::Map(entries.iter().map(|(name, value)| (key(name), node(value))).collect())
        }
        YamlData::Tagged(_, inner) => return node(inner),
        _ => Kind::Null,
    };
    Node { place: place(yaml), kind }
}

fn key(yaml: &MarkedYaml<'_>) -> Key {
    let name = match node(yaml).kind {
        Kind::Text(text) => text,
        other => Node { place: Place::default(), kind: other }.value().to_string(),
    };
    Key { name, place: place(yaml) }
}

/// A value that goes over several lines is marked at its start.
fn place(yaml: &MarkedYaml<'_>) -> Place {
    let (start, end) = (yaml.span.start, yaml.span.end);
    let length = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
    Place { line: start.line(), column: start.col() + 1, length: length.max(1) }
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
