//! A regular expression of a matcher, with the syntax and the meaning that it has to Alertmanager, which compiles it
//! by Go's package `regexp`: classes and word boundaries are of ASCII, a dot and `(?i)` of Unicode. What only one of
//! the two reads, or each in its own way, is refused. How large it may become is bounded before it is compiled.

use regex_automata::{meta::Regex, nfa::thompson::WhichCaptures};
use regex_syntax::{
    ast::{
        Assertion, AssertionKind, Ast, ClassAscii, ClassAsciiKind, ClassBracketed, ClassPerl,
        ClassPerlKind, ClassSet, ClassSetItem, ClassSetUnion, Flag, Flags, FlagsItem,
        FlagsItemKind, Group, GroupKind, HexLiteralKind, Literal, LiteralKind, RepetitionKind,
        RepetitionOp, RepetitionRange, Span, parse::Parser,
    },
    hir::{Hir, Look, translate::TranslatorBuilder},
};

/// What the expressions of one experiment may take together, compiled, in KiB. Matching one takes less again.
const ROOM: usize = 64;

/// How often Go lets anything be repeated, counts within counts multiplied.
const REPEATS: u64 = 1000;

/// What is left for the expressions of an experiment, in bytes.
#[derive(Debug)]
pub struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(ROOM << 10)
    }
}

/// An expression that must match the whole of a value.
#[derive(Clone, Debug)]
pub struct Expression {
    /// As it was written.
    pub written: String,
    compiled: Regex,
}

/// Why an expression is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refusal {
    /// It is none.
    #[error("is no regular expression ({0}); write = in place of =~ to compare the text itself")]
    Syntax(String),
    /// It is none to Alertmanager, or means something else there.
    #[error(
        "is no regular expression of RE2, which matchers are written in, or means something else there: {0}"
    )]
    Foreign(&'static str),
    /// It is too large beside those before it.
    #[error(
        "is too large a regular expression: compiled, all of an experiment may take {all} KiB together, and this one \
         needs more than the {left} that are left; repeat less often, or write = in place of =~ where that is enough",
        all = ROOM,
        left = .0 >> 10
    )]
    Room(usize),
}

impl Expression {
    /// Compiles it, within the room that is left.
    ///
    /// # Errors
    /// When Alertmanager would not read it, or not so, or it is too large.
    pub fn parse(written: &str, room: &mut Room) -> Result<Self, Refusal> {
        let mut tree = Parser::new()
            .parse(written)
            .map_err(|error| Refusal::Syntax(error.kind().to_string()))?;
        if repeats(&tree) > REPEATS {
            return Err(Refusal::Foreign("what is repeated more than 1000 times in all"));
        }
        as_in_go(&mut tree, written)?;
        // Bytes would matter to a word boundary within a character, where no match begins that covers the whole.
        let read = TranslatorBuilder::new().utf8(false).build().translate(written, &tree);
        let read = read.map_err(|error| Refusal::Syntax(error.kind().to_string()))?;
        let whole = Hir::concat(vec![Hir::look(Look::Start), read, Hir::look(Look::End)]);
        // The one engine whose memory is bound by the size of the expression; the caches of others are not.
        let config = Regex::config()
            .which_captures(WhichCaptures::None)
            .utf8_empty(false)
            .auto_prefilter(false)
            .hybrid(false)
            .dfa(false)
            .onepass(false)
            .backtrack(false)
            .nfa_size_limit(Some(room.0));
        let compiled = Regex::builder().configure(config).build_from_hir(&whole);
        let compiled = compiled.map_err(|error| match error.size_limit() {
            Some(_) => Refusal::Room(room.0),
            None => Refusal::Syntax(error.to_string()),
        })?;
        room.0 = room.0.saturating_sub(compiled.memory_usage());
        Ok(Self { written: written.to_owned(), compiled })
    }

    /// Whether the whole of the value is like it.
    #[must_use]
    pub fn is_match(&self, value: &str) -> bool {
        self.compiled.is_match(value)
    }
}

/// How often the innermost part may be repeated.
fn repeats(tree: &Ast) -> u64 {
    match tree {
        Ast::Repetition(repetition) => {
            let times = match &repetition.op.kind {
                RepetitionKind::Range(
                    RepetitionRange::Exactly(times)
                    | RepetitionRange::AtLeast(times)
                    | RepetitionRange::Bounded(_, times),
                ) => *times,
                _ => 1,
            };
            repeats(&repetition.ast).saturating_mul(times.max(1).into())
        }
        Ast::Group(group) => repeats(&group.ast),
        Ast::Alternation(all) => all.asts.iter().map(repeats).max().unwrap_or(1),
        Ast::Concat(all) => all.asts.iter().map(repeats).max().unwrap_or(1),
        _ => 1,
    }
}

/// Makes of the tree what it is to Go, or says what that reads otherwise.
fn as_in_go(tree: &mut Ast, text: &str) -> Result<(), Refusal> {
    match tree {
        Ast::Empty(_) | Ast::Dot(_) => Ok(()),
        Ast::Flags(set) => flags(&set.flags),
        Ast::Literal(literal) => escape(literal),
        Ast::Assertion(found) => {
            if let Some(ascii) = boundary(found)? {
                *tree = ascii;
            }
            Ok(())
        }
        Ast::ClassUnicode(_) => Err(UNICODE_CLASS),
        Ast::ClassPerl(class) => {
            let ascii = ascii(class);
            *tree = Ast::class_bracketed(ascii);
            Ok(())
        }
        Ast::ClassBracketed(class) => brackets(class, text),
        Ast::Repetition(repetition) => {
            count(&repetition.op, text)?;
            if matches!(*repetition.ast, Ast::Repetition(_)) {
                return Err(Refusal::Foreign(
                    "a repetition of a repetition; put the inner one into (?:...)",
                ));
            }
            as_in_go(&mut repetition.ast, text)
        }
        Ast::Group(group) => {
            name(&group.kind)?;
            as_in_go(&mut group.ast, text)
        }
        Ast::Alternation(all) => all.asts.iter_mut().try_for_each(|one| as_in_go(one, text)),
        Ast::Concat(all) => all.asts.iter_mut().try_for_each(|one| as_in_go(one, text)),
    }
}

const UNICODE_CLASS: Refusal =
    Refusal::Foreign("\\p and \\P, of which each knows other ones; list the characters in [...]");

fn flags(flags: &Flags) -> Result<(), Refusal> {
    let is_known = |item: &FlagsItem| match &item.kind {
        FlagsItemKind::Negation => true,
        FlagsItemKind::Flag(flag) => {
            !matches!(flag, Flag::Unicode | Flag::CRLF | Flag::IgnoreWhitespace)
        }
    };
    let known = flags.items.iter().all(is_known);
    known.then_some(()).ok_or(Refusal::Foreign("another flag than i, m, s and U"))
}

fn name(group: &GroupKind) -> Result<(), Refusal> {
    match group {
        GroupKind::CaptureIndex(_) => Ok(()),
        GroupKind::NonCapturing(given) => flags(given),
        GroupKind::CaptureName { name, .. } => {
            let is_plain = name.name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
            let refusal = "the name of a group, in which only letters, digits and _ may stand";
            is_plain.then_some(()).ok_or(Refusal::Foreign(refusal))
        }
    }
}

fn escape(literal: &Literal) -> Result<(), Refusal> {
    match &literal.kind {
        LiteralKind::HexFixed(kind) | LiteralKind::HexBrace(kind) if *kind != HexLiteralKind::X => {
            Err(Refusal::Foreign("\\u and \\U; write \\x{...}"))
        }
        _ => Ok(()),
    }
}

/// The word boundary of ASCII; absent where the assertion is none.
fn boundary(found: &Assertion) -> Result<Option<Ast>, Refusal> {
    match found.kind {
        AssertionKind::StartLine
        | AssertionKind::EndLine
        | AssertionKind::StartText
        | AssertionKind::EndText => Ok(None),
        AssertionKind::WordBoundary | AssertionKind::NotWordBoundary => {
            let item = |kind| FlagsItem { span: found.span, kind };
            let unicode = FlagsItemKind::Flag(Flag::Unicode);
            let items = vec![item(FlagsItemKind::Negation), item(unicode)];
            let kind = GroupKind::NonCapturing(Flags { span: found.span, items });
            let ast = Box::new(Ast::assertion(found.clone()));
            Ok(Some(Ast::group(Group { span: found.span, kind, ast })))
        }
        _ => Err(Refusal::Foreign("\\<, \\> and \\b{...}; write \\b")),
    }
}

/// A count with spaces or leading zeros is text to Go.
fn count(op: &RepetitionOp, text: &str) -> Result<(), Refusal> {
    let RepetitionKind::Range(range) = &op.kind else { return Ok(()) };
    let meant = match range {
        RepetitionRange::Exactly(times) => format!("{{{times}}}"),
        RepetitionRange::AtLeast(least) => format!("{{{least},}}"),
        RepetitionRange::Bounded(least, most) => format!("{{{least},{most}}}"),
    };
    let written = part(text, &op.span);
    let is_plain = written.strip_suffix('?').unwrap_or(written) == meant;
    let refusal = "a count with spaces or leading zeros; write it as in {2,5}";
    is_plain.then_some(()).ok_or(Refusal::Foreign(refusal))
}

fn part<'a>(text: &'a str, span: &Span) -> &'a str {
    text.get(span.start.offset..span.end.offset).unwrap_or_default()
}

/// The class of ASCII; that of spaces lacks the vertical tab, which `[[:space:]]` has.
fn ascii(class: &ClassPerl) -> ClassBracketed {
    let span = class.span;
    let named = |kind| ClassSetItem::Ascii(ClassAscii { span, kind, negated: false });
    let literal = |c| ClassSetItem::Literal(Literal { span, kind: LiteralKind::Verbatim, c });
    let items = match class.kind {
        ClassPerlKind::Digit => vec![named(ClassAsciiKind::Digit)],
        ClassPerlKind::Word => vec![named(ClassAsciiKind::Word)],
        ClassPerlKind::Space => {
            vec![named(ClassAsciiKind::Blank), literal('\n'), literal('\x0c'), literal('\r')]
        }
    };
    let kind = ClassSet::union(ClassSetUnion { span, items });
    ClassBracketed { span, negated: class.negated, kind }
}

fn brackets(class: &mut ClassBracketed, text: &str) -> Result<(), Refusal> {
    let inner = part(text, &class.span).get(1..).unwrap_or_default();
    let sets = Refusal::Foreign("--, && and ~~ within [...]; write \\-, \\& and \\~");
    // Hyphens at the beginning are all themselves here, and to Go the first may begin a range.
    if inner.strip_prefix('^').unwrap_or(inner).starts_with("--") {
        return Err(sets);
    }
    match &mut class.kind {
        ClassSet::BinaryOp(_) => Err(sets),
        ClassSet::Item(found) => item(found),
    }
}

fn item(found: &mut ClassSetItem) -> Result<(), Refusal> {
    match found {
        ClassSetItem::Empty(_) | ClassSetItem::Ascii(_) => Ok(()),
        ClassSetItem::Literal(literal) => escape(literal),
        ClassSetItem::Range(range) => escape(&range.start).and_then(|()| escape(&range.end)),
        ClassSetItem::Unicode(_) => Err(UNICODE_CLASS),
        ClassSetItem::Perl(class) => {
            let ascii = ascii(class);
            *found = ClassSetItem::Bracketed(Box::new(ascii));
            Ok(())
        }
        ClassSetItem::Bracketed(_) => Err(Refusal::Foreign("[ within [...]; write \\[")),
        ClassSetItem::Union(union) => union.items.iter_mut().try_for_each(item),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(written: &str) -> Result<Expression, Refusal> {
        Expression::parse(written, &mut Room::default())
    }

    /// Whether the expression matches; Go's `regexp` says the same of each row.
    #[track_caller]
    fn check(written: &str, value: &str, expected: bool) {
        assert_eq!(parse(written).unwrap().is_match(value), expected, "{written} on {value:?}");
    }

    #[test]
    fn an_expression_means_what_it_means_to_alertmanager() {
        for (written, like, unlike) in [
            ("page|critical", "critical", "criticals"),
            ("", "", "a"),
            (r"\w+", "a_9", "caf\u{e9}"),
            (r"\W", "\u{e9}", "e"),
            (r"[\w-]+", "a-b", "\u{e9}-b"),
            (r"[^\W]", "e", "\u{e9}"),
            (r"\d", "7", "\u{663}"),
            (r"\s", "\u{c}", "\u{b}"),
            (r"[[:space:]]", "\u{b}", "\u{a0}"),
            (r"[^\S]", "\t", "\u{a0}"),
            (r".", "\u{e9}", "\n"),
            (r"(?s).", "\n", ""),
            (r"[^a]", "\n", "a"),
            (r"(?i)\x{c9}t\x{e9}", "\u{e9}T\u{c9}", "ete"),
            (r"(?i)k", "\u{212a}", "c"),
            (r"(?i)\W", "-", "\u{17f}"),
            (r"(?i:a)b", "Ab", "AB"),
            (r"\bcaf\b\x{e9}", "caf\u{e9}", "cafe"),
            (r"\x{e9}\B\x{e8}", "\u{e9}\u{e8}", "ee"),
            (r"a\B.", "ab", "a\u{e9}"),
            (r"(?P<x>a)(?U:b+)c", "abbc", "ac"),
            (r"[]a]{2}?", "]a", "]"),
            (r"[a-]\-[\^\]]", "--^", "-b^"),
            (r"(?m)^a$\n^b$", "a\nb", "a"),
            (r"a{0}b{2,}c{1,2}", "bbcc", "abbc"),
        ] {
            check(written, like, true);
            check(written, unlike, false);
        }
    }

    #[test]
    fn what_alertmanager_reads_otherwise_or_not_at_all_is_refused() {
        for written in [
            "a**",
            "a+?*",
            "a{2}{3}",
            "a{ 2}",
            "a{02}",
            "a{1001}",
            "(a{40}){26}",
            "(?x)a b",
            "(?-u:a)",
            "(?R)a",
            r"\pL",
            r"[\p{Greek}]",
            r"\u00e9",
            r"[\U000000e9-\x{ff}]",
            r"\<a",
            r"a\b{end}",
            "[a[b]]",
            "[a&&b]",
            "[b--a]",
            "[--a]",
            "[^--a]",
            "[a~~b]",
            "(?P<a.b>c)",
        ] {
            let refusal = parse(written).map(|read| read.written).unwrap_err();
            assert!(matches!(refusal, Refusal::Foreign(_)), "{written}: {refusal}");
        }
        // Go reads these.
        for written in [r"\Qa.b\E", r"\101", "a{,2}", "a{b", "[[]", r"[\w-z]"] {
            let refusal = parse(written).map(|read| read.written).unwrap_err();
            assert!(matches!(refusal, Refusal::Syntax(_)), "{written}: {refusal}");
        }
    }

    #[test]
    fn all_of_an_experiment_share_one_room() {
        let mut room = Room::default();
        let mut read = |written: &str| Expression::parse(written, &mut room).map(drop);
        for _ in 0..20 {
            read("(?i)Checkout.*|Payments(Down|Slow)").unwrap();
        }
        let refused = read(r"\w{999}(.*a){100}").unwrap_err();
        assert!(matches!(refused, Refusal::Room(left) if left < ROOM << 10), "{refused}");
        read("page|critical").unwrap();
        let fitting = (0..6).take_while(|_| read(r"\w{200}").is_ok()).count();
        assert!(fitting < 6, "what may take 64 KiB took {fitting} times 11 KiB");
    }

    #[test]
    fn what_is_kept_of_all_of_them_is_within_the_room() {
        let mut room = Room::default();
        let read = |_| Expression::parse(r"(?i)[^a]\w{9}.*", &mut room).ok();
        let kept: Vec<Expression> = (0..100).map_while(read).collect();
        let bytes: usize = kept.iter().map(|read| read.compiled.memory_usage()).sum();
        assert!(kept.len() > 9 && bytes <= (ROOM << 10) + 1024, "{} take {bytes}", kept.len());
    }
}
