//! Reads YAML as `kubectl` does, whose library knows YAML 1.1: `yes` is true, `010` is eight, `1e3` is a thousand.

use std::sync::LazyLock;

use regex::Regex;
use saphyr::{MarkedYaml, ScalarStyle, ScanError, Tag, YamlData, YamlLoader};
use saphyr_parser::Parser;

use crate::cli::files::document::{Key, Kind, Node, Place};

/// Every document of a file; an empty one is nothing.
///
/// # Errors
/// With the first thing that is no YAML.
pub fn documents(text: &str) -> Result<Vec<Node>, ScanError> {
    let mut loader = YamlLoader::<MarkedYaml<'_>>::default();
    loader.early_parse(false);
    Parser::new_from_str(text).load(&mut loader, true)?;
    if let Some(error) = loader.error() {
        return Err(error.clone());
    }
    Ok(loader.into_documents().iter().map(node).collect())
}

fn node(yaml: &MarkedYaml<'_>) -> Node {
    let kind = match &yaml.data {
        YamlData::Representation(text, style, tag) => {
            if is_text(*style, tag.as_deref()) {
                Kind::Text(text.to_string())
            } else {
                resolve(text)
            }
        }
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

/// Whether a scalar is a text whatever it looks like: quoted, or tagged as one.
fn is_text(style: ScalarStyle, tag: Option<&Tag>) -> bool {
    match tag {
        None => style != ScalarStyle::Plain,
        Some(tag) => {
            let resolved = ["bool", "int", "float", "null", "timestamp"];
            !(tag.is_yaml_core_schema() && resolved.contains(&tag.suffix.as_str()))
        }
    }
}

/// What a scalar without quotes is.
fn resolve(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Kind::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Kind::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => Kind::Number(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Kind::Number(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Kind::Number(f64::NEG_INFINITY),
        _ => number(text).unwrap_or_else(|| Kind::Text(text.to_owned())),
    }
}

/// An integer of any base, with underscores between its digits, or a decimal number.
fn number(text: &str) -> Option<Kind> {
    static DECIMAL: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$").ok());
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let plain = if text.starts_with('.') { text.to_owned() } else { text.replace('_', "") };
    if let Some(whole) = integer(&plain) {
        return Some(whole);
    }
    let is_decimal = DECIMAL.as_ref().is_some_and(|decimal| decimal.is_match(&plain));
    let number = is_decimal.then(|| plain.parse::<f64>().ok()).flatten()?;
    number.is_finite().then(|| decimal(number))
}

fn integer(plain: &str) -> Option<Kind> {
    let (sign, digits) = match plain.as_bytes().first()? {
        b'-' => (-1, &plain[1..]),
        b'+' => (1, &plain[1..]),
        _ => (1, plain),
    };
    let prefix = digits.get(..2).unwrap_or_default().to_ascii_lowercase();
    let (radix, digits) = match prefix.as_str() {
        "0x" => (16, &digits[2..]),
        "0o" => (8, &digits[2..]),
        "0b" => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let number = sign * i128::from_str_radix(digits, radix).ok()?;
    if let Ok(number) = i64::try_from(number) {
        return Some(Kind::Integer(number));
    }
    #[expect(clippy::cast_precision_loss, reason = "so is it in JSON")]
    u64::try_from(number).is_ok().then_some(Kind::Number(number as f64))
}

/// A whole number is an integer, as it is in JSON.
fn decimal(number: f64) -> Kind {
    const END: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
    if number.fract() == 0.0 && (-END..END).contains(&number) {
        Kind::Integer(number as i64)
    } else {
        Kind::Number(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, json: &str) {
        let read = documents(&format!("a: {text}\n")).unwrap();
        assert_eq!(read[0].value()["a"].to_string(), json, "{text}");
    }

    #[test]
    fn scalars_are_read_as_kubectl_reads_them() {
        for text in ["yes", "Y", "on", "True"] {
            check(text, "true");
        }
        for text in ["no", "N", "OFF", "false"] {
            check(text, "false");
        }
        for text in ["", "~", "Null"] {
            check(text, "null");
        }
        for text in
            ["8", "010", "0x8", "0b1000", "0o10", "+8", "8.0", "8.", "0.8e1", "08", "1_0e-0_0"]
        {
            check(text, if text.contains('_') { "10" } else { "8" });
        }
        check("-0", "0");
        check("1_000", "1000");
        check(".5", "0.5");
        check("9223372036854775807", "9223372036854775807");
        check("9223372036854775808", "9.223372036854776e+18");
        for text in ["1:30", "2026-01-01", "0x", "1e999", "0.0.1", "yEs", "_1", "1e3s"] {
            check(text, &format!("{text:?}"));
        }
    }

    #[test]
    fn quotes_and_tags_make_a_text() {
        check("'yes'", r#""yes""#);
        check("\"8\"", r#""8""#);
        check("!!str 8", r#""8""#);
        check("!!int \"8\"", "8");
        check("!own 8", r#""8""#);
    }
}
