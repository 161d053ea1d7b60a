//! Matcher lists and regular expressions, most of them right, as people and programs write them.

use super::dice::Dice;

/// A matcher list.
pub fn matchers(dice: &mut Dice) -> String {
    let count = 1 + dice.below(3);
    let list: Vec<String> = (0..count).map(|_| matcher(dice)).collect();
    let comma = dice.either(95, &[",", ", "], &[" ,", " ", ",,", "\n,"]);
    let tail = dice.either(90, &[""], &[",", " , ", ",,"]);
    let braces = dice.either(
        88,
        &["{LIST}", "LIST", "{ LIST }"],
        &["LIST}", "{LIST", "{{LIST}}", " {LIST}", "{LIST} ", "{LIST}\n", "LIST\n"],
    );
    let text = braces.replace("LIST", &(list.join(comma) + tail));
    if dice.chance(15) { dice.mutated(&text) } else { text }
}

fn matcher(dice: &mut Dice) -> String {
    let spaces = |dice: &mut Dice| {
        dice.either(98, &["", "", "", " "], &["\t", "\n", "\u{a0}", "\u{b}"]).to_owned()
    };
    let sign = dice.either(97, &["=", "!=", "=~", "=~", "!~"], &["==", "~", "!"]);
    let value = if sign.ends_with('~') { expression(dice) } else { text(dice) };
    let value = match dice.below(32) {
        0 => value,
        1 => format!("'{value}'"),
        2 => format!("\"{value}\""),
        3..8 => dice.pick(&["b", "page", ".+", "a|b", "\u{e9}", "-", "[a-z]+", "9"]).to_owned(),
        _ => quoted(dice, &value),
    };
    let parts = [spaces(dice), name(dice), spaces(dice), sign.to_owned(), spaces(dice), value];
    parts.concat() + &spaces(dice)
}

fn name(dice: &mut Dice) -> String {
    let plain = ["alertname", "a", "a_b", "_", "a:b", "severity", "A9"];
    let others = ["9a", "a-b", "a.b", "a b", "\u{e9}", "\u{1f525}", "", "a\"b", "{a}"];
    if dice.chance(80) {
        return dice.pick(&plain).to_owned();
    }
    let name = dice.pick(&others);
    match dice.below(8) {
        0 => format!("\"{name}\""),
        1 => name.to_owned(),
        2 => dice.text(3),
        _ => quoted(dice, name),
    }
}

/// What a value may be.
pub fn text(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => dice.text(6),
        1 => String::new(),
        _ => dice
            .pick(&[
                "b",
                "page",
                "Checkout Down",
                "10.0.0.1:9090",
                "a,b",
                "{a}",
                "a=b",
                "\u{e9}t\u{e9}",
                "\"",
                "\\",
                "it's",
                "\n",
            ])
            .to_owned(),
    }
}

/// The text in double quotes, its escapes mostly those that everybody reads alike.
fn quoted(dice: &mut Dice, text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' if dice.chance(97) => quoted.extend(['\\', c]),
            '\n' if dice.chance(90) => quoted += "\\n",
            _ if dice.chance(1) => {
                quoted += dice.pick(&[
                    "\\t",
                    "\\.",
                    "\\d",
                    "\\u00e9",
                    "\\x41",
                    "\\xff",
                    "\\101",
                    "\\U0001f525",
                    "\\'",
                ]);
            }
            _ => quoted.push(c),
        }
    }
    quoted + "\""
}

/// A regular expression.
pub fn expression(dice: &mut Dice) -> String {
    let text = alternatives(dice, 0);
    if dice.chance(5) { dice.mutated(&text) } else { text }
}

fn alternatives(dice: &mut Dice, depth: usize) -> String {
    let count = if dice.chance(70) { 1 } else { 2 + dice.below(2) };
    let all: Vec<String> = (0..count).map(|_| sequence(dice, depth)).collect();
    all.join("|")
}

fn sequence(dice: &mut Dice, depth: usize) -> String {
    let flags = dice.either(95, &["(?i)", "(?s)", "(?m)", "(?U)", "(?i-s)"], &["(?x)"]);
    let flags = if dice.chance(8) { flags } else { "" };
    let parts = dice.some(4, |dice| {
        let atom = atom(dice, depth);
        atom + repetition(dice)
    });
    flags.to_owned() + &parts.concat()
}

fn atom(dice: &mut Dice, depth: usize) -> String {
    match dice.below(20) {
        0..8 => dice
            .pick(&[
                "a",
                "b",
                "k",
                "S",
                "\u{e9}",
                "9",
                "_",
                "-",
                " ",
                ":",
                "\\.",
                "\\-",
                "\\\\",
                "\\[",
                "\\n",
                "\\t",
                "\\x41",
                "\\x{e9}",
                "\\x{212A}",
                "\u{c9}",
                "&",
                "~",
                "<",
            ])
            .to_owned(),
        8..11 => dice.pick(&["\\w", "\\W", "\\d", "\\D", "\\s", "\\S", "."]).to_owned(),
        11..14 => class(dice),
        14 => dice.pick(&["\\b", "\\B", "^", "$", "\\A", "\\z"]).to_owned(),
        15 => dice
            .pick(&[
                "\\<",
                "\\b{start}",
                "\\pL",
                "\\p{Greek}",
                "\\u0041",
                "\\Qa.b\\E",
                "\\101",
                "\\C",
                "{",
                "}",
                "]",
                "a{,2}",
                "a{ 2}",
                "a{02}",
                "(?#x)",
                "(?=a)",
                "\\Z",
                "\\x{}",
                "\\\u{e9}",
                "(?P<a.b>c)",
            ])
            .to_owned(),
        _ if depth > 2 => "a".to_owned(),
        _ => {
            let usual = ["(", "(?:", "(?i:", "(?s:", "(?m:"];
            let open = dice.either(95, &usual, &["(?P<n>", "(?-u:", "(?^:"]);
            format!("{open}{})", alternatives(dice, depth + 1))
        }
    }
}

fn class(dice: &mut Dice) -> String {
    let usual = [
        "a",
        "b-d",
        "a-z",
        "0-9",
        "\\w",
        "\\W",
        "\\d",
        "\\S",
        "[:alpha:]",
        "[:^word:]",
        "\u{e9}",
        "k",
        "_",
    ];
    let others = [
        "-",
        "\\]",
        "\\^",
        "^",
        "]",
        "[",
        "--",
        "&&",
        "~~",
        "\\pL",
        "\\x{e0}-\\x{ff}",
        "[:space:]",
    ];
    let item = |dice: &mut Dice| dice.either(90, &usual, &others).to_owned();
    let first = item(dice);
    format!("[{}{first}{}]", dice.pick(&["", "^"]), dice.some(3, item).concat())
}

fn repetition(dice: &mut Dice) -> &'static str {
    if dice.chance(60) {
        return "";
    }
    let others = ["{0}", "{3,2}", "{1001}", "{500}", "**", "{2}{3}", "{,2}"];
    dice.either(92, &["*", "+", "?", "*?", "+?", "{2}", "{1,3}", "{2,}"], &others)
}
