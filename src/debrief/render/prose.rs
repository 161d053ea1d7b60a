//! What people wrote, as it may stand on a page.

use super::super::markdown::{paragraph, text};

/// Each of its lines as a paragraph.
pub fn prose(written: &str) -> String {
    let lines = written.split('\n').filter(|line| !line.trim().is_empty());
    lines.map(|line| paragraph(&entry(line))).collect::<Vec<_>>().join("\n\n")
}

/// The text on one line that begins no list and no rule.
pub fn entry(written: &str) -> String {
    let line = text(written.trim());
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let mark = line.get(digits..).and_then(|rest| rest.chars().next());
    match mark {
        Some('-' | '+' | '=') if digits == 0 => format!("\\{line}"),
        Some('.' | ')') if digits > 0 => format!("{}\\{}", &line[..digits], &line[digits..]),
        _ => line,
    }
}

/// A list of what people wrote; absent where there is nothing.
pub fn list(entries: &[String]) -> Option<String> {
    let lines: Vec<_> = entries.iter().map(|written| format!("- {}", entry(written))).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_no_list_no_heading_and_no_rule() {
        for (written, shown) in [
            ("- a", r"\- a"),
            ("---", r"\---"),
            ("1. a", r"1\. a"),
            ("12) a", r"12\) a"),
            ("    # a", r"\# a"),
            ("1.5 times", r"1\.5 times"),
            ("10 times", "10 times"),
            ("=", r"\="),
        ] {
            assert_eq!(entry(written), shown, "{written}");
        }
        assert_eq!(prose("a\n\n- b\n"), "a\n\n\\- b");
    }
}
