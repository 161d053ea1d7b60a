//! The text as headings with what stands below each; what stands there is read by who knows the heading.

use std::{collections::BTreeMap, fmt};

use super::text::meant;
use crate::core::nearest::nearest;

/// What is wrong, and in which line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// A heading with the lines below it.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// Where the heading is.
    pub line: usize,
    /// How many `#` it has; none for what stands above the first heading.
    pub level: usize,
    /// What it says, as it is written.
    pub heading: &'a str,
    body: Vec<(usize, &'a str)>,
}

/// A value with its line.
pub type Value = (usize, String);

/// The sections of a text without its comments.
pub fn sections(text: &str) -> Result<Vec<Section<'_>>, Problem> {
    let mut sections = vec![Section { line: 1, level: 0, heading: "", body: Vec::new() }];
    let mut comment = None;
    for (line, text) in (1..).zip(text.split('\n')) {
        let text = text.strip_suffix('\r').unwrap_or(text);
        if comment.is_some() || text.starts_with("<!--") {
            comment = if text.contains("-->") { None } else { comment.or(Some(line)) };
            continue;
        }
        let heading = text.trim_start_matches('#');
        let level = text.len() - heading.len();
        if level > 0 {
            sections.push(Section { line, level, heading: heading.trim(), body: Vec::new() });
        } else if let Some(last) = sections.last_mut() {
            last.body.push((line, text.trim_end()));
        }
    }
    match comment {
        Some(line) => {
            Err(Problem { line, message: "this comment is never ended with -->".to_owned() })
        }
        None => Ok(sections),
    }
}

/// Words for a name that nobody knows.
pub fn unknown(what: &str, name: &str, allowed: &[&str]) -> String {
    let near = nearest(name, allowed.iter().copied());
    let near = near.map(|near| format!(" did you mean \"{near}\"?")).unwrap_or_default();
    format!("unknown {what} \"{}\";{near} allowed: {}", name.escape_debug(), allowed.join(", "))
}

impl Section<'_> {
    /// The problem at the heading.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { line: self.line, message: message.into() }
    }

    /// Refuses whatever stands below the heading.
    pub fn nothing(&self, problems: &mut Vec<Problem>) {
        let stray = self.body.iter().find(|(_, text)| !text.trim().is_empty());
        problems.extend(stray.map(|(line, text)| Problem {
            line: *line,
            message: format!(
                "\"{}\" belongs under one of the headings below this one",
                text.escape_debug()
            ),
        }));
    }

    /// The text below the heading; absent where there is none.
    pub fn text(&self) -> Option<String> {
        let is_blank = |text: &&(usize, &str)| text.1.trim().is_empty();
        let before = self.body.iter().take_while(is_blank).count();
        let after = self.body.iter().rev().take_while(is_blank).count();
        let lines = self.body.get(before..self.body.len().saturating_sub(after))?;
        let lines: Vec<_> = lines.iter().map(|(_, text)| meant(text)).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// The entries of the list below the heading; a line that is indented goes on with the one above.
    pub fn entries(&self, problems: &mut Vec<Problem>) -> Vec<Value> {
        let mut entries: Vec<Value> = Vec::new();
        for (line, text) in self.body.iter().filter(|(_, text)| !text.trim().is_empty()) {
            if let Some(entry) = text.strip_prefix('-') {
                entries.push((*line, entry.trim().to_owned()));
            } else if let (true, Some((_, entry))) = (text.starts_with(' '), entries.last_mut()) {
                *entry = format!("{entry} {}", text.trim());
            } else {
                let shown = text.escape_debug();
                let message = format!("\"{shown}\" is no entry; an entry begins with \"- \"");
                problems.push(Problem { line: *line, message });
            }
        }
        entries.into_iter().filter(|(_, entry)| !entry.is_empty()).collect()
    }

    /// The fields below the heading, as `- key: value`; one without a value says nothing.
    pub fn fields(
        &self,
        allowed: &[&'static str],
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<&'static str, Value> {
        let mut fields = BTreeMap::new();
        for (line, entry) in self.entries(problems) {
            let (key, value) = entry.split_once(':').unwrap_or((&entry, ""));
            let known = allowed.iter().find(|known| **known == key.trim());
            let message = match known {
                None => unknown("key", key.trim(), allowed),
                Some(known) if fields.contains_key(known) => format!("{known} stands here twice"),
                Some(_) if !entry.contains(':') => format!("write {key}: and its value"),
                Some(known) => {
                    fields.insert(*known, (line, meant(value.trim())));
                    continue;
                }
            };
            problems.push(Problem { line, message });
        }
        fields.retain(|_, (_, value)| !value.is_empty());
        fields
    }

    /// Whether no line below the heading says anything.
    pub fn is_bare(&self) -> bool {
        self.body.iter().all(|(_, text)| text.trim().is_empty())
    }
}
