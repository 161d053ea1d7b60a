//! Any text between lines that mean something: what an editor would lose or not show, and what would be read as a
//! heading, is written as Markdown's backslash or as `\u{…}`.

use std::fmt::Write;

use crate::debrief::markdown::plain;

/// The text on one line.
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (index, c) in text.chars().enumerate() {
        push(&mut out, c, c == ' ' && (index == 0 || index == last));
    }
    out
}

/// The text in its own lines, none of which begins like a heading or a comment.
pub fn block(text: &str) -> String {
    let inner = text.trim_matches('\n');
    let newlines = |count: usize| r"\u{a}".repeat(count);
    if inner.is_empty() {
        return newlines(text.len());
    }
    let before = text.len() - text.trim_start_matches('\n').len();
    let after = text.len() - text.trim_end_matches('\n').len();
    let lines: Vec<_> = inner.split('\n').map(block_line).collect();
    format!("{}{}{}", newlines(before), lines.join("\n"), newlines(after))
}

fn block_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.starts_with('#') || text.starts_with("<!--") {
        out.push('\\');
    }
    let last = text.chars().count().saturating_sub(1);
    for (index, c) in text.chars().enumerate() {
        push(&mut out, c, c == ' ' && index == last);
    }
    out
}

fn push(out: &mut String, c: char, is_at_edge: bool) {
    if c == '\\' {
        out.push_str(r"\\");
    } else if is_at_edge || !is_shown(c) {
        let _ = write!(out, r"\u{{{:x}}}", u32::from(c));
    } else {
        out.push(c);
    }
}

/// Whether people see the character for what it is.
fn is_shown(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let mut bytes = [0; 4];
    !c.is_whitespace() && !plain(c.encode_utf8(&mut bytes)).is_empty()
}

/// The text that was meant: a backslash before punctuation is Markdown's, `\u{…}` is a character.
pub fn meant(written: &str) -> String {
    let mut out = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let (c, length) = escaped(escape).unwrap_or(('\\', 1));
        out.push(c);
        rest = &escape[length..];
    }
    out + rest
}

/// The character that a text begins with which begins with a backslash, and how long that is.
fn escaped(escape: &str) -> Option<(char, usize)> {
    let after = escape.strip_prefix('\\')?;
    if let Some(c) = after.chars().next().filter(char::is_ascii_punctuation) {
        return Some((c, 2));
    }
    let (digits, _) = after.strip_prefix("u{")?.split_once('}')?;
    let c = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?;
    Some((c, digits.len() + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_what_is_meant() {
        for (written, text) in [
            (r"\d+ in C:\new", r"\d+ in C:\new"),
            (r"\# no heading \\ \u{202e} \u{zz}", "# no heading \\ \u{202e} \\u{zz}"),
            (r"ends with \", r"ends with \"),
        ] {
            assert_eq!(meant(written), text);
        }
    }

    #[test]
    fn a_text_keeps_what_an_editor_would_lose() {
        assert_eq!(line(" a\r\nb "), r"\u{20}a\u{d}\u{a}b\u{20}");
        assert_eq!(block("\n# a \n\n<!-- b\n"), "\\u{a}\\# a\\u{20}\n\n\\<!-- b\\u{a}");
        assert_eq!(block("\n\n"), r"\u{a}\u{a}");
    }
}
