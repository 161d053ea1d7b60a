//! How a matcher list is written: as Alertmanager's UTF-8 parser has it (0.27 and later). Its classic parser, which it
//! asks too, reads some texts otherwise; those are refused, so that a list means the same to every Alertmanager that
//! reads it.

/// A matcher list as it was written.
pub struct Written {
    /// Its matchers, in order.
    pub matchers: Vec<Part>,
    /// Whether the classic parser reads it too, and the same.
    pub is_classic: bool,
}

/// One matcher as it was written.
pub struct Part {
    /// Name of the label.
    pub label: String,
    /// Whether it holds where the value is another one: `!=`, `!~`.
    pub negated: bool,
    /// Whether the value is a regular expression: `=~`, `!~`.
    pub like: bool,
    /// The value, without quotes and escapes.
    pub value: String,
}

/// Why a text is no matcher list, with the place: the number of a character, from 1 on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Flaw {
    /// There is no matcher in it.
    #[error("it names no matcher")]
    Empty,
    /// It ends too soon.
    #[error("it ends where {0} is expected")]
    Ends(&'static str),
    /// Something else is expected.
    #[error("{found:?} is character {at}, where {expected} is expected")]
    Unexpected {
        /// The place.
        at: usize,
        /// What is there.
        found: char,
        /// What may be there.
        expected: &'static str,
    },
    /// A quote that nothing closes.
    #[error("the quote at character {0} is not closed")]
    Open(usize),
    /// A line break in quotes.
    #[error("character {0} is a line break within quotes; write \\n")]
    LineBreak(usize),
    /// An escape that each parser reads in its own way, if at all.
    #[error(
        "of \\{sign} at character {at} the classic and the UTF-8 parser of matchers make different things; write \
         \\\\{sign} for a backslash with {sign} behind it, or the character itself that is meant",
        sign = seen(*.escaped)
    )]
    Escape {
        /// The place of the backslash.
        at: usize,
        /// What is behind it.
        escaped: char,
    },
    /// A space that the classic parser skips in some places alone.
    #[error(
        "character {0} is a space that the classic and the UTF-8 parser of matchers do not skip in the same places; write \
         an ordinary one"
    )]
    Space(usize),
    /// A bare value at the end of the braces, and something behind these.
    #[error(
        "of the value before }} the classic and the UTF-8 parser of matchers make different things, as there is a space \
         behind the }}; leave that out, or put the value into double quotes"
    )]
    Behind,
}

/// Reads a matcher list, with or without braces.
///
/// # Errors
/// With the first thing that is wrong with it.
pub fn read(text: &str) -> Result<Written, Flaw> {
    let mut reader = Reader { text, rest: text };
    let (mut matchers, mut is_classic, mut ends_bare) = (Vec::new(), true, false);
    reader.skip_spaces()?;
    let is_braced = reader.take("{");
    reader.skip_spaces()?;
    while !(reader.rest.is_empty() || is_braced && reader.rest.starts_with('}')) {
        let (label, quoted_label) = reader.word("the name of a label")?;
        let (negated, like) = reader.operator()?;
        let (value, quoted_value) =
            reader.word("a value, in double quotes where it has a sign or a space in it,")?;
        is_classic &= !quoted_label && is_classic_name(&label);
        matchers.push(Part { label, negated, like, value });
        ends_bare = !quoted_value;
        if !reader.take(",") {
            break;
        }
        ends_bare = false;
        reader.skip_spaces()?;
    }
    if is_braced && !reader.take("}") {
        return Err(reader.unexpected(", or }"));
    }
    let behind = reader.rest;
    reader.skip_spaces()?;
    if !reader.rest.is_empty() {
        return Err(reader.unexpected(if is_braced { "the end" } else { ", or the end" }));
    }
    if matchers.is_empty() {
        return Err(Flaw::Empty);
    }
    if is_braced && ends_bare && !behind.is_empty() {
        return Err(Flaw::Behind);
    }
    is_classic &= !is_braced || text.starts_with('{') && behind.is_empty();
    Ok(Written { matchers, is_classic })
}

/// A character that may be none that is seen.
fn seen(c: char) -> String {
    if c.is_control() { c.escape_debug().to_string() } else { c.to_string() }
}

fn is_classic_name(label: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    label.starts_with(is_letter) && label.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

/// What cannot stand in a name or a value without quotes.
#[must_use]
pub fn is_reserved(c: char) -> bool {
    c.is_whitespace() || "{}!=~,\\\"'`".contains(c)
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    /// The number of the next character.
    fn at(&self) -> usize {
        self.text.chars().count() - self.rest.chars().count() + 1
    }

    fn unexpected(&self, expected: &'static str) -> Flaw {
        let unexpected = |found| Flaw::Unexpected { at: self.at(), found, expected };
        self.rest.chars().next().map_or(Flaw::Ends(expected), unexpected)
    }

    fn take(&mut self, sign: &str) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Goes on behind spaces. The classic parser skips those of ASCII alone, without the vertical tab.
    fn skip_spaces(&mut self) -> Result<(), Flaw> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
        if self.rest.starts_with(char::is_whitespace) {
            Err(Flaw::Space(self.at()))
        } else {
            Ok(())
        }
    }

    /// Whether what comes next is negated, and whether a regular expression follows.
    fn operator(&mut self) -> Result<(bool, bool), Flaw> {
        let operators =
            [("=~", false, true), ("!~", true, true), ("!=", true, false), ("=", false, false)];
        let found = operators.into_iter().find(|(sign, ..)| self.take(sign));
        let (_, negated, like) = found.ok_or_else(|| self.unexpected("=, !=, =~ or !~"))?;
        self.skip_spaces()?;
        Ok((negated, like))
    }

    /// A name or a value with the spaces behind it, and whether it is in quotes.
    fn word(&mut self, expected: &'static str) -> Result<(String, bool), Flaw> {
        let is_quoted = self.rest.starts_with('"');
        let word = if is_quoted { self.quoted()? } else { self.bare(expected)? };
        self.skip_spaces()?;
        Ok((word, is_quoted))
    }

    fn bare(&mut self, expected: &'static str) -> Result<String, Flaw> {
        let (word, rest) =
            self.rest.split_at(self.rest.find(is_reserved).unwrap_or(self.rest.len()));
        if word.is_empty() {
            return Err(self.unexpected(expected));
        }
        self.rest = rest;
        Ok(word.to_owned())
    }

    fn quoted(&mut self) -> Result<String, Flaw> {
        let (rest, began, mut word) = (self.rest, self.at(), String::new());
        let mut chars = rest.char_indices().zip(began..).skip(1);
        while let Some(((index, c), at)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &rest[index + 1..];
                    return Ok(word);
                }
                '\n' => return Err(Flaw::LineBreak(at)),
                '\\' => match chars.next() {
                    Some(((_, 'n'), _)) => word.push('\n'),
                    Some(((_, escaped @ ('"' | '\\')), _)) => word.push(escaped),
                    Some(((_, escaped), _)) => return Err(Flaw::Escape { at, escaped }),
                    None => break,
                },
                _ => word.push(c),
            }
        }
        Err(Flaw::Open(began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matchers of a list, each as it would be printed.
    fn matchers(text: &str) -> Result<Vec<String>, String> {
        let shown = |part: &Part| {
            let sign = match (part.negated, part.like) {
                (false, false) => "=",
                (true, false) => "!=",
                (false, true) => "=~",
                (true, true) => "!~",
            };
            format!("{} {sign} {}", part.label, part.value)
        };
        let written = read(text).map_err(|flaw| flaw.to_string())?;
        Ok(written.matchers.iter().map(shown).collect())
    }

    #[test]
    fn a_list_reads_as_it_does_to_both_parsers_of_alertmanager() {
        for (text, expected) in [
            (r#"{a="b"}"#, vec!["a = b"]),
            (r#"a = "b" , c!~d.*,"#, vec!["a = b", "c !~ d.*"]),
            ("{\ta=b\n}", vec!["a = b"]),
            ("a:b!=\u{e9}-1", vec!["a:b != \u{e9}-1"]),
            (r#"{a=~"b|\\d",c!="},\"\n"}"#, vec!["a =~ b|\\d", "c != },\"\n"]),
        ] {
            assert_eq!(matchers(text).unwrap(), expected, "{text}");
            assert!(read(text).unwrap().is_classic, "{text}");
        }
    }

    #[test]
    fn what_the_utf8_parser_alone_reads_is_known() {
        for (text, expected) in [
            (r#"{"a b"="c"}"#, "a b = c"),
            (r#"{"a"="c"}"#, "a = c"),
            ("a-b=c", "a-b = c"),
            ("1=c", "1 = c"),
            (" {a=b,}\n", "a = b"),
            ("{a=\"b\"}\n", "a = b"),
            ("{\u{e9}=\"b\"}", "\u{e9} = b"),
        ] {
            assert_eq!(matchers(text).unwrap(), [expected], "{text}");
            assert!(!read(text).unwrap().is_classic, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            ("", "it names no matcher"),
            (" { } ", "it names no matcher"),
            ("alertname", "it ends where =, !=, =~ or !~ is expected"),
            ("{,}", "',' is character 2, where the name of a label is expected"),
            ("a==b", "'=' is character 3, where a value, in double quotes"),
            ("{a='b'}", "'\\'' is character 4, where a value"),
            ("a=", "it ends where a value"),
            ("{a=b", "it ends where , or } is expected"),
            ("a=b}", "'}' is character 4, where , or the end is expected"),
            ("\u{e9}=b c=d", "'c' is character 5, where , or the end is expected"),
            ("{a=b} c", "'c' is character 7, where the end is expected"),
            (r#"a="b"#, "the quote at character 3 is not closed"),
            (r#"a="b\"#, "the quote at character 3 is not closed"),
            ("a=\"b\n\"", "character 5 is a line break within quotes; write \\n"),
            (
                r#"a=~"b\.c""#,
                r"of \. at character 6 the classic and the UTF-8 parser of matchers make",
            ),
            ("a=b\u{a0},c=d", "character 4 is a space that"),
            ("{a=b}\n", "of the value before } the classic and the UTF-8 parser"),
        ] {
            let told = matchers(text).unwrap_err();
            assert!(told.starts_with(expected), "{text}: {told}");
        }
    }
}
