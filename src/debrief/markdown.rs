//! Markdown that holds what others wrote without letting it act: no HTML, no links, no new lines.

use unicode_width::UnicodeWidthStr;

/// The text on one line, without control, direction and invisible characters.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .collect()
}

const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// The text as it is, for prose and cells; a word that would become a link or a mention is quoted as code.
pub fn text(text: &str) -> String {
    plain(text).split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Punctuation around a link that is none of it.
const AROUND: [char; 10] = ['.', ',', ';', ':', '!', '?', '(', ')', '"', '\''];

/// One word of plain text: no link and no mention goes on behind a space.
fn word(word: &str) -> String {
    if !["://", "www.", "@"].iter().any(|mark| word.contains(mark)) {
        return escaped(word);
    }
    let link = word.trim_matches(AROUND);
    let (before, after) = word.split_once(link).unwrap_or_default();
    format!("{before}{}{after}", code(link))
}

fn escaped(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    let chars: Vec<char> = word.chars().collect();
    for (index, &c) in chars.iter().enumerate() {
        let beside = |other: Option<&char>| other.is_some_and(|c| c.is_alphanumeric());
        let inside =
            c == '_' && index > 0 && beside(chars.get(index - 1)) && beside(chars.get(index + 1));
        if !inside && r"\`*_[]<>|~&$#".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The text between as many backticks as it needs.
pub fn code(text: &str) -> String {
    let plain = plain(text);
    let longest = plain.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if plain.starts_with('`') || plain.ends_with('`') || plain.trim().is_empty() {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{plain}{pad}{fence}")
}

/// Prose is broken into lines of at most so many characters.
const LINE_MAX: usize = 100;

/// The prose in lines that fit a terminal; a word that would begin a list stays on its line.
pub fn paragraph(prose: &str) -> String {
    let (mut out, mut width) = (String::new(), 0);
    for word in prose.split(' ').filter(|word| !word.is_empty()) {
        let begins_list = word.chars().all(|c| c.is_ascii_digit() || "-+=.)".contains(c));
        if width > 0 && width + 1 + word.width() > LINE_MAX && !begins_list {
            out.push('\n');
            width = 0;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += word.width();
    }
    out
}

/// Columns wider than this are not filled up: the line would only wrap.
const FILL_MAX: usize = 60;

/// A table that is aligned as raw text too.
pub struct Table<const N: usize>(Vec<[String; N]>);

impl<const N: usize> Table<N> {
    /// Begins with the names of the columns.
    pub fn new(header: [&str; N]) -> Self {
        Self(vec![header.map(str::to_owned)])
    }

    /// Adds a line of cells that are Markdown already.
    pub fn row(&mut self, cells: [String; N]) {
        self.0.push(cells.map(|cell| whole(&cell)));
    }

    /// Whether there is a line below the header.
    pub fn has_rows(&self) -> bool {
        self.0.len() > 1
    }

    /// The table as text, each line ended.
    pub fn print(&self) -> String {
        let width = |column: usize| self.0.iter().map(|row| row[column].width()).max().unwrap_or(0);
        let widths: [usize; N] = std::array::from_fn(|column| width(column).clamp(3, FILL_MAX));
        let mut out = String::new();
        for (index, row) in self.0.iter().enumerate() {
            line(&mut out, row, widths);
            if index == 0 {
                line(&mut out, &widths.map(|width| "-".repeat(width)), widths);
            }
        }
        out
    }
}

fn line<const N: usize>(out: &mut String, cells: &[String; N], widths: [usize; N]) {
    for (cell, width) in cells.iter().zip(widths) {
        let fill = width.saturating_sub(cell.width());
        out.push_str("| ");
        out.push_str(cell);
        out.extend(std::iter::repeat_n(' ', fill + 1));
    }
    out.push_str("|\n");
}

/// A bar that is not escaped would end the cell, inside code too; it becomes a broken one.
fn whole(cell: &str) -> String {
    let mut escaped = false;
    cell.chars()
        .map(|c| {
            let bare = c == '|' && !escaped;
            escaped = c == '\\' && !escaped;
            if bare { '¦' } else { c }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_act_as_markdown_or_html() {
        for (raw, escaped) in [
            ("<img src=x>", r"\<img src=x\>"),
            ("[click](x)", r"\[click\](x)"),
            ("a | b", r"a \| b"),
            ("**loud**", r"\*\*loud\*\*"),
            ("max_wait of _all_", r"max_wait of \_all\_"),
            ("one\ntwo\r\n# three", r"one two  \# three"),
            ("\u{1b}[31mred\u{202e}", r"\[31mred"),
            ("&lt;b&gt;", r"\&lt;b\&gt;"),
            ("see https://evil.example", "see `https://evil.example`"),
            ("mail me@evil.example", "mail `me@evil.example`"),
            (
                "**See** (https://evil.example/a_b), <b> and @team: why?",
                r"\*\*See\*\* (`https://evil.example/a_b`), \<b\> and `@team`: why?",
            ),
            (
                "[go](http://evil.example) ![i](www.evil.example)",
                "`[go](http://evil.example`) !`[i](www.evil.example`)",
            ),
            ("http:/\u{200b}/evil.example www.", "`http://evil.example` `www`."),
            ("`a` `@b` `", r"\`a\` `` `@b` `` \`"),
        ] {
            assert_eq!(text(raw), escaped, "{raw:?}");
        }
    }

    #[test]
    fn code_is_fenced_by_more_backticks_than_it_holds() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`a`"), "`` `a` ``");
    }

    #[test]
    fn a_broken_line_never_begins_a_list() {
        let prose = format!("{} - 1. word", "x".repeat(99));
        assert_eq!(paragraph(&prose), format!("{} - 1.\nword", "x".repeat(99)));
    }

    #[test]
    fn a_cell_stays_one_cell_and_columns_are_aligned() {
        let mut table = Table::new(["A", "Second"]);
        table.row([code("x|y"), text("1 | 2")]);
        table.row([r"a\\|b".to_owned(), "→".to_owned()]);
        let expected =
            "| A     | Second |\n| ----- | ------ |\n| `x¦y` | 1 \\| 2 |\n| a\\\\¦b | →      |\n";
        assert_eq!(table.print(), expected);
    }
}
