//! Unions: objects of which exactly one of some members is given.
//!
//! The API server's own word for it, `oneOf`, refuses without a field and without saying what was found. So each
//! union is a rule in CEL, and [`members`] reads it back.

use kube::core::{Message, Rule, validate};
use schemars::Schema;
use serde_json::{Map, Value};

/// Refuses an object in which not exactly one of `members` is given, and says which were found.
#[must_use]
pub(super) fn exactly_one(members: &[&str]) -> Rule {
    let has = members.iter().map(|member| format!("has(self.{member})"));
    let given = format!("[{}].filter(x, x).size()", has.collect::<Vec<_>>().join(", "));
    // The server reckons what a message costs at most, and a list of texts has no most.
    let found = members.iter().map(|member| format!(" + (has(self.{member}) ? ' {member}' : '')"));
    Rule::new(format!("{given} == 1")).message(Message::Expression(format!(
        "'exactly one of {}; found' + ({given} == 0 ? ' none' : ''){}",
        members.join(", "),
        found.collect::<String>()
    )))
}

/// The members of which exactly one is given, by the rules of a schema; none of an object that is no union.
#[must_use]
pub fn members(schema: &Value) -> Option<Vec<&str>> {
    let rules = schema["x-kubernetes-validations"].as_array()?;
    rules.iter().find_map(|rule| {
        let said = rule["messageExpression"].as_str()?.strip_prefix("'exactly one of ")?;
        Some(said.split_once("; found")?.0.split(", ").collect())
    })
}

/// Turns the `oneOf` of an enum whose variants hold a value into an object with one property for each of them.
pub(super) fn rewrite(schema: &mut Schema) {
    let Some(Value::Array(variants)) = schema.remove("oneOf") else { return };
    let (mut properties, mut members) = (Map::new(), Vec::new());
    for mut variant in variants {
        let description = variant["description"].take();
        if let Value::Object(fields) = variant["properties"].take() {
            for (name, mut member) in fields {
                member["description"] = description.clone();
                members.push(name.clone());
                properties.insert(name, member);
            }
        }
    }
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), properties.into());
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    // A rule is strings alone, which can always be written as JSON.
    validate(schema, exactly_one(&members)).ok();
}
