//! The right text in place of a wrong one, where it can be told what was meant.
//!
//! It is judged by the same schema: what is told here would be accepted.

use serde_json::Value;

use crate::{
    api::{
        pattern::{self, Pattern},
        union,
    },
    cli::files::{
        document::{Kind, Node},
        schema::matches,
    },
    core::alerts::{expression::Room, matcher::Matchers},
};

/// What is wrong with a text that does not look like `expression`, and what to write.
#[must_use]
pub fn misspelt(expression: &str, text: &str) -> Option<String> {
    let Pattern { noun, example, .. } = Pattern::of(expression)?;
    let number = text.parse::<u32>().ok().filter(|_| expression == pattern::DURATION);
    let right = number.map(with_unit).or_else(|| instead(expression, text));
    Some(match right {
        Some(right) => format!("{text:?} is no {noun}: write {right}"),
        None => flaw(expression, text)
            .unwrap_or_else(|| format!("{text:?} is no {noun} such as {example}")),
    })
}

/// What is wrong with a matcher list, and where in it.
fn flaw(expression: &str, text: &str) -> Option<String> {
    let read =
        (expression == pattern::MATCHERS).then(|| Matchers::parse(text, &mut Room::default()));
    read?.err().map(|error| error.to_string())
}

/// What is wrong with a value of another type than that of `schema`, and what to write.
#[must_use]
pub fn mistyped(schema: &Value, node: &Node) -> String {
    let given = node.kind.name();
    let pattern = schema["pattern"].as_str();
    let noun = pattern.and_then(Pattern::of).map(|pattern| pattern.noun);
    let kind = schema["type"].as_str().unwrap_or_default();
    let expected = noun.map_or_else(|| article(kind).to_owned(), |noun| format!("a {noun}"));
    let right = match (&node.kind, kind) {
        (Kind::Text(text), "integer" | "number") => number(text),
        (Kind::Text(text), "boolean") => boolean(text),
        (Kind::Integer(_) | Kind::Number(_), "string") if pattern == Some(pattern::DURATION) => {
            Some(with_unit(node.value()))
        }
        (Kind::Integer(_) | Kind::Number(_) | Kind::Bool(_), "string") if pattern.is_none() => {
            Some(format!("\"{}\"", node.value()))
        }
        (Kind::Map(_), "string") => meant(pattern, node),
        (Kind::Text(_) | Kind::Map(_), "array") => {
            let pattern = schema["items"]["pattern"].as_str();
            meant(pattern, node).map(|one| format!("[{one}]"))
        }
        (Kind::Text(text), "object") => member(schema, None, text),
        _ => None,
    };
    let what = schema["description"].as_str().map(|what| what.trim_end_matches('.'));
    match (right, what) {
        (Some(right), _) => format!("{given} is given, expected is {expected}: write {right}"),
        (None, Some(what)) => format!("{given} is given, expected is {expected}: {what}"),
        (None, None) => format!("{given} is given, expected is {expected}"),
    }
}

/// A number alone could mean either.
fn with_unit(number: impl std::fmt::Display) -> String {
    format!("{number}s, or {number}m for minutes")
}

fn article(kind: &str) -> &'static str {
    match kind {
        "object" => "a mapping",
        "array" => "a list",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        _ => "a string",
    }
}

/// `{kind: Deployment, name: web}` where the kind is the key: `{deployment: web}`.
#[must_use]
pub fn keyed(schema: &Value, node: &Node) -> Option<String> {
    let text = |key| node.get(key).and_then(Node::text);
    let (kind, name) = (text("kind")?, text("name")?);
    schema["properties"].get("kind").is_none().then(|| member(schema, Some(kind), name)).flatten()
}

/// Names joined for people: `count or percent`, `image, command or env`.
#[must_use]
fn either(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// What to do where exactly one of `members` must be there and `given` are.
#[must_use]
pub fn choose(members: &[&str], given: &[&str]) -> String {
    match given {
        [] => format!("name one: {}", either(members)),
        [_, _] => format!("keep {}, not both", either(given)),
        _ => format!("keep one: {}", either(given)),
    }
}

/// A name as the member of a union whose members are names; `kind/name`, as kubectl writes it, tells which.
fn member(schema: &Value, kind: Option<&str>, text: &str) -> Option<String> {
    let members = union::members(schema)?;
    let named = |member: &&str| schema["properties"][*member]["pattern"] == pattern::NAME;
    let (kind, name) = match text.split_once('/') {
        Some((kind, name)) => (Some(kind), name),
        None => (kind, text),
    };
    let known = |kind: &str| members.iter().find(|member| member.eq_ignore_ascii_case(kind));
    let key = known(kind.unwrap_or("deployment"))?;
    let right = members.iter().all(named) && matches(pattern::NAME, name)?;
    right.then(|| format!("{{{key}: {name}}}"))
}

/// The right text of that pattern, if it can be told what was meant.
fn instead(expression: &str, text: &str) -> Option<String> {
    let right = match expression {
        pattern::DURATION => duration(text),
        pattern::MATCHERS => matchers(text),
        pattern::NAME | pattern::ENTRY | pattern::PORT => {
            let name = text.rsplit('/').next().unwrap_or(text).trim().to_lowercase();
            Some(name.replace(['_', ' '], "-"))
        }
        pattern::PATH => Some(format!("/{}", text.trim())),
        _ => None,
    };
    let right = right.filter(|right| matches(expression, right) == Some(true))?;
    Some(if expression == pattern::MATCHERS { in_yaml(&right) } else { right })
}

/// A matcher begins with a brace, which YAML would take for a mapping.
fn in_yaml(matchers: &str) -> String {
    format!("'{}'", matchers.replace('\'', "''"))
}

/// `5 minutes` is `5m`.
fn duration(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim());
    if number.is_empty() {
        return None;
    }
    let unit = match unit.strip_suffix('s').filter(|one| one.len() > 1).unwrap_or(unit) {
        "s" | "sec" | "second" => "s",
        "m" | "min" | "minute" => "m",
        "h" | "hr" | "hour" => "h",
        "ms" | "msec" | "millisecond" => "ms",
        "d" | "day" => return Some(format!("{}h", number.parse::<u32>().ok()?.checked_mul(24)?)),
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

/// An alert's name alone, and values without quotes or in single ones.
fn matchers(text: &str) -> Option<String> {
    let inner = text.trim().trim_start_matches('{').trim_end_matches('}').trim();
    if inner.is_empty() || inner.contains(['"', '\\']) {
        return None;
    }
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '.');
    if inner.chars().all(name) {
        return Some(format!("{{alertname=\"{inner}\"}}"));
    }
    let quote = |matcher: &str| {
        let at = matcher.find(['=', '!'])?;
        let (label, rest) = matcher.split_at(at);
        let value = rest.trim_start_matches(['=', '!', '~']);
        let sign = match &rest[..rest.len() - value.len()] {
            "==" => "=",
            sign => sign,
        };
        let value = value.trim().trim_matches('\'');
        Some(format!("{}{sign}\"{value}\"", label.trim()))
    };
    let quoted: Option<Vec<String>> = inner.split(',').map(quote).collect();
    quoted.map(|matchers| format!("{{{}}}", matchers.join(",")))
}

/// A name or a matcher that YAML has read as a mapping, as its quotes are missing.
fn meant(expression: Option<&str>, node: &Node) -> Option<String> {
    let expression = expression?;
    if expression == pattern::NAME {
        return instead(expression, node.get("name").and_then(Node::text)?);
    }
    let pair = |(key, value): &(crate::cli::files::document::Key, Node)| match &value.kind {
        Kind::Null => Some(key.name.clone()),
        Kind::Text(text) => Some(format!("{}={text}", key.name)),
        _ => None,
    };
    let text = match &node.kind {
        Kind::Text(text) => text.clone(),
        _ => node.entries().map(pair).collect::<Option<Vec<_>>>()?.join(",").replace('"', ""),
    };
    // A bare value would do, and quotes are what everybody knows.
    let is_right = || matches(expression, &text) == Some(true);
    instead(expression, &text).or_else(|| is_right().then(|| in_yaml(&text)))
}

/// A number in quotes, with a percent sign, or as a word.
fn number(text: &str) -> Option<String> {
    const WORDS: [&str; 11] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let text = text.trim();
    let word = WORDS.iter().position(|word| text.eq_ignore_ascii_case(word));
    let digits = text.strip_suffix('%').unwrap_or(text).trim_end();
    word.map(|number| number.to_string())
        .or_else(|| digits.parse::<u32>().ok().map(|number| number.to_string()))
}

fn boolean(text: &str) -> Option<String> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" => Some("true".to_owned()),
        "false" | "no" | "off" => Some("false".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, text: &str, right: Option<&str>) {
        assert_eq!(instead(expression, text).as_deref(), right, "{text:?}");
    }

    #[test]
    fn durations_are_understood_as_people_write_them() {
        check(pattern::DURATION, "5 minutes", Some("5m"));
        check(pattern::DURATION, "1 Minute", Some("1m"));
        check(pattern::DURATION, "10 sec", Some("10s"));
        check(pattern::DURATION, "10secs", Some("10s"));
        check(pattern::DURATION, "1.5 hours", Some("1.5h"));
        check(pattern::DURATION, "200 milliseconds", Some("200ms"));
        check(pattern::DURATION, "30", None);
        check(pattern::DURATION, "1 day", Some("24h"));
        check(pattern::DURATION, "-5m", None);
        check(pattern::DURATION, "soon", None);
        check(pattern::DURATION, "", None);
    }

    #[test]
    fn matchers_are_understood_without_quotes() {
        check(pattern::MATCHERS, "X", Some(r#"'{alertname="X"}'"#));
        check(pattern::MATCHERS, "{alertname=X}", Some(r#"'{alertname="X"}'"#));
        check(pattern::MATCHERS, "alertname=X", Some(r#"'{alertname="X"}'"#));
        check(pattern::MATCHERS, "{alertname='X'}", Some(r#"'{alertname="X"}'"#));
        check(pattern::MATCHERS, "{a==X, b=~y.*}", Some(r#"'{a="X",b=~"y.*"}'"#));
        check(pattern::MATCHERS, "{}", None);
        check(pattern::MATCHERS, "1a=x", Some(r#"'{1a="x"}'"#));
        check(pattern::MATCHERS, r#"{a="b""#, None);
    }

    #[test]
    fn names_and_paths_are_understood_as_kubectl_writes_them() {
        check(pattern::NAME, "deployment/web", Some("web"));
        check(pattern::NAME, "Web_App", Some("web-app"));
        check(pattern::NAME, "-", None);
        check(pattern::PORT, "HTTP", Some("http"));
        check(pattern::PORT, "80", None);
        check(pattern::PATH, "healthz", Some("/healthz"));
        check(pattern::PATH, "/a b", None);
    }
}
