//! Alertmanager's matcher syntax: `{alertname="CheckoutDown",severity=~"page|critical"}`.

use std::collections::BTreeMap;

use super::expression::{Expression, Refusal, Room};
use crate::core::span::crop;

/// The labels of an alert.
pub type Labels = BTreeMap<String, String>;

/// Matchers that must all hold.
#[derive(Clone, Debug)]
pub struct Matchers(Vec<Matcher>);

#[derive(Clone, Debug)]
struct Matcher {
    label: String,
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Equals(String),
    Like(Expression),
}

impl Matcher {
    fn holds(&self, value: &str) -> bool {
        let holds = match &self.test {
            Test::Equals(expected) => value == expected,
            Test::Like(expression) => expression.is_match(value),
        };
        holds != self.negated
    }
}

/// How many characters of a text are told that is refused; its place is told beside it.
const TOLD: usize = 80;

/// Why a text is no matcher list.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseError {
    /// The text does not follow the syntax.
    #[error(
        "{text} is no matcher list such as {{alertname=\"CheckoutDown\",severity=~\"page|critical\"}}",
        text = told(.0)
    )]
    Syntax(String),
    /// A regular expression is refused.
    #[error("{text} {1}", text = told(.0))]
    Expression(String, Refusal),
}

/// The text in quotes, or its beginning.
fn told(text: &str) -> String {
    let begun = crop(text.to_owned(), TOLD);
    if begun == text { format!("{text:?}") } else { format!("{:?}", begun + "\u{2026}") }
}

impl Matchers {
    /// Reads a matcher list, with or without braces; its regular expressions take of the room.
    ///
    /// # Errors
    /// When the text does not follow the syntax or a regular expression is refused.
    pub fn parse(text: &str, room: &mut Room) -> Result<Self, ParseError> {
        let refuse = || ParseError::Syntax(text.to_owned());
        let trimmed = text.trim();
        let mut rest = match trimmed.strip_prefix('{') {
            Some(inner) => inner.strip_suffix('}').ok_or_else(refuse)?,
            None => trimmed,
        }
        .trim();
        let mut matchers = Vec::new();
        while !rest.is_empty() {
            let (matcher, after) = one(rest, room).ok_or_else(refuse)?;
            matchers.push(matcher?);
            rest = after.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        if matchers.is_empty() { Err(refuse()) } else { Ok(Self(matchers)) }
    }

    /// Whether every matcher holds; a label that is missing counts as empty.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.conflict(|label| Some(labels.get(label).map_or("", String::as_str))).is_none()
    }

    /// The first label whose matcher fails on its value; one of which no value is known fails never.
    pub fn conflict<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> Option<&str> {
        let fails =
            |matcher: &&Matcher| value(&matcher.label).is_some_and(|value| !matcher.holds(value));
        self.0.iter().find(fails).map(|matcher| matcher.label.as_str())
    }

    /// What that label has to be or to be like, as it was written.
    #[must_use]
    pub fn wanted(&self, label: &str) -> Option<&str> {
        let matcher = self.0.iter().find(|matcher| matcher.label == label && !matcher.negated)?;
        Some(match &matcher.test {
            Test::Equals(value) => value,
            Test::Like(expression) => &expression.written,
        })
    }

    /// The labels that are compared for equality, as they would stand on an alert.
    #[must_use]
    pub fn labels(&self) -> Labels {
        let equal = |matcher: &Matcher| match &matcher.test {
            Test::Equals(value) if !matcher.negated => Some((matcher.label.clone(), value.clone())),
            _ => None,
        };
        self.0.iter().filter_map(equal).collect()
    }
}

/// The labels in matcher syntax; [`Matchers::parse`] reads it back.
#[must_use]
pub fn print(labels: &Labels) -> String {
    let pairs: Vec<_> = labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
    format!("{{{}}}", pairs.join(","))
}

fn one<'a>(text: &'a str, room: &mut Room) -> Option<(Result<Matcher, ParseError>, &'a str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let (label, rest) = text.split_at(end);
    let rest = rest.trim_start();
    let operators =
        [("=~", false, true), ("!~", true, true), ("!=", true, false), ("=", false, false)];
    let (rest, negated, like) = operators
        .into_iter()
        .find_map(|(sign, negated, like)| Some((rest.strip_prefix(sign)?, negated, like)))?;
    let (value, rest) = quoted(rest.trim_start())?;
    if label.is_empty() || label.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let condition = if like {
        Expression::parse(&value, room)
            .map(Test::Like)
            .map_err(|refusal| ParseError::Expression(value, refusal))
    } else {
        Ok(Test::Equals(value))
    };
    Some((condition.map(|test| Matcher { label: label.to_owned(), negated, test }), rest))
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"')?.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 2..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('"' | '\\') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Matchers, ParseError> {
        Matchers::parse(text, &mut Room::default())
    }

    fn labels() -> Labels {
        [("alertname", "CheckoutDown"), ("severity", "page")]
            .map(|(label, value)| (label.to_owned(), value.to_owned()))
            .into()
    }

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(parse(text).unwrap().matches(&labels()), expected, "{text}");
    }

    #[test]
    fn matchers_read_as_alertmanager_reads_them() {
        check(r#"{alertname="CheckoutDown"}"#, true);
        check(r#"alertname = "CheckoutDown", severity=~"page|critical""#, true);
        check(r#"{alertname=~"Checkout"}"#, false);
        check(r#"{alertname="CheckoutDown",severity!="page"}"#, false);
        check(r#"{team=""}"#, true);
        check(r#"{team!~".+",}"#, true);
    }

    #[test]
    fn what_is_no_matcher_list_is_refused() {
        for text in
            ["", "{}", "alertname", r#"{alertname="x"#, r#"{a~"x"}"#, r#"{a=~"("}"#, r#"1a="x""#]
        {
            assert!(parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn an_impossible_expression_is_told_in_one_sentence() {
        let said = |text| parse(text).unwrap_err().to_string();
        assert_eq!(
            said(r#"{team=~"(a"}"#),
            "\"(a\" is no regular expression (unclosed group); write = in place of =~ to compare the text itself"
        );
        assert_eq!(
            said(r#"{team!~"a**"}"#),
            "\"a**\" is no regular expression of RE2, which matchers are written in, or means something else \
             there: a repetition of a repetition; put the inner one into (?:...)"
        );
        assert_eq!(
            said(r#"{team=~"[a-z]{999}(.*b){999}"}"#),
            "\"[a-z]{999}(.*b){999}\" is too large a regular expression: compiled, all of an experiment may take 64 KiB \
             together, and this one needs more than the 64 that are left; repeat less often, or write = in place of \
             =~ where that is enough"
        );
    }

    #[test]
    fn of_a_long_text_the_beginning_is_told() {
        let long = format!("{{team=~\"({}\"}}", "\u{e9}".repeat(200));
        let told = parse(&long).unwrap_err().to_string();
        assert!(told.starts_with(&format!("\"({}\u{2026}\" is no", "\u{e9}".repeat(79))), "{told}");
    }

    #[test]
    fn printed_labels_are_read_back() {
        let mut labels = labels();
        labels.insert("note".into(), "a \"quoted\" \\ value".into());
        assert_eq!(parse(&print(&labels)).unwrap().labels(), labels);
    }
}
