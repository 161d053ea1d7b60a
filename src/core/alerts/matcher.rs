//! Alertmanager's matcher syntax: `{alertname="CheckoutDown",severity=~"page|critical"}`.

use std::collections::BTreeMap;

use super::{
    expression::{Expression, Refusal, Room},
    syntax::{self, Flaw, Part, is_reserved},
};
use crate::core::span::crop;

/// The labels of an alert.
pub type Labels = BTreeMap<String, String>;

/// Matchers that must all hold.
#[derive(Clone, Debug)]
pub struct Matchers {
    all: Vec<Matcher>,
    is_classic: bool,
}

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
    fn compile(part: Part, room: &mut Room) -> Result<Self, ParseError> {
        let Part { label, negated, like, value } = part;
        let test = if like {
            let read = Expression::parse(&value, room);
            Test::Like(read.map_err(|refusal| ParseError::Expression(value, refusal))?)
        } else {
            Test::Equals(value)
        };
        Ok(Self { label, negated, test })
    }

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
        "{text} is no matcher list of the UTF-8 syntax such as {{alertname=\"CheckoutDown\",severity=~\"page|critical\"}}: {1}",
        text = told(.0)
    )]
    Syntax(String, Flaw),
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
        let written =
            syntax::read(text).map_err(|flaw| ParseError::Syntax(text.to_owned(), flaw))?;
        let all = written.matchers.into_iter().map(|part| Matcher::compile(part, room));
        Ok(Self { all: all.collect::<Result<_, _>>()?, is_classic: written.is_classic })
    }

    /// Whether an Alertmanager in classic mode reads the text too.
    #[must_use]
    pub const fn is_classic(&self) -> bool {
        self.is_classic
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
        self.all.iter().find(fails).map(|matcher| matcher.label.as_str())
    }

    /// What that label has to be or to be like, as it was written.
    #[must_use]
    pub fn wanted(&self, label: &str) -> Option<&str> {
        let matcher = self.all.iter().find(|matcher| matcher.label == label && !matcher.negated)?;
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
        self.all.iter().filter_map(equal).collect()
    }
}

/// The labels in matcher syntax; [`Matchers::parse`] reads it back where they have no control characters and the like.
/// People read this on terminals, so those are escaped, as only one of Alertmanager's parsers knows it.
#[must_use]
pub fn print(labels: &Labels) -> String {
    let name = |label: &String| {
        let is_bare = !label.is_empty() && !label.contains(|c| is_reserved(c) || is_hidden(c));
        if is_bare { label.clone() } else { quoted(label) }
    };
    let pairs: Vec<_> =
        labels.iter().map(|(label, value)| format!("{}={}", name(label), quoted(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            _ if is_hidden(c) => quoted.extend(format!("\\U{:08x}", u32::from(c)).chars()),
            _ => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Whether it would not be seen as itself, quotes and backslashes apart.
fn is_hidden(c: char) -> bool {
    !matches!(c, '"' | '\'' | '\\') && c.escape_debug().len() > 1
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
        for text in ["", "{}", "alertname", r#"{alertname="x"#, r#"{a~"x"}"#, r#"{a=~"("}"#] {
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
        labels.insert("note".into(), "a \"quoted\" \\ 'value'\n".into());
        labels.insert("a label".into(), "\u{e9}".into());
        assert_eq!(parse(&print(&labels)).unwrap().labels(), labels);
        let hidden = Labels::from([("a\t".to_owned(), "\u{1b}[31m\u{202e}".to_owned())]);
        assert_eq!(print(&hidden), r#"{"a\U00000009"="\U0000001b[31m\U0000202e"}"#);
    }
}
