//! The patterns of texts, each with words for people: a regular expression tells nobody what to write.

/// What a text must look like.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    /// The regular expression, as it stands in the schema.
    pub expression: &'static str,
    /// What such a text is called.
    pub noun: &'static str,
    /// Texts of that kind.
    pub example: &'static str,
}

/// A [`Duration`](super::Duration).
pub const DURATION: &str = r"^(0|([0-9]{1,6}(\.[0-9]{1,6})?(us|ms|s|m|h))+)$";
/// A [`Moment`](super::Moment), by days that there are.
pub const MOMENT: &str = concat!(
    r"^([1-8][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))",
    r"|([1-8][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|[2468][048]|[357][26])00)-02-29)",
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?Z$",
);
/// A [`Name`](super::Name).
pub const NAME: &str = r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$";
/// Name of an entry of a list.
pub const ENTRY: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Name of a Service's port (RFC 6335, 5.1): at least one letter, no two hyphens in a row.
pub const PORT: &str = r"^([a-z0-9]+-)*[a-z0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$";
/// Path of an HTTP request.
pub const PATH: &str = r"^/[!-~]*$";
/// Reference of a container image.
pub const IMAGE: &str = r"^[a-zA-Z0-9]([a-zA-Z0-9._:/@-]*[a-zA-Z0-9])?$";
/// Name of an environment variable.
pub const VARIABLE: &str = r"^[a-zA-Z_][a-zA-Z0-9_.-]*$";
/// A range of IPv4 addresses.
pub const CIDR: &str = r"^([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$";
/// A name or a value of a matcher, in double quotes or bare.
macro_rules! word {
    () => {
        r#"("([^"\\\n]|\\["\\n])*"|[^\s\v\x{85}\pZ{}!=~,\\"'`]+)"#
    };
}
/// Where spaces may stand.
macro_rules! spaces {
    () => {
        r"[ \t\n\f\r]*"
    };
}
/// `label="value"`, with one of the four operators and the spaces behind it.
macro_rules! matcher {
    () => {
        concat!(word!(), spaces!(), "(=~?|!=|!~)", spaces!(), word!(), spaces!())
    };
}
/// Matchers separated by commas, with or without braces, as `core/alerts/syntax.rs` reads them. Two texts pass here that
/// are refused there: braces that a comma ends, and a bare value before `}` with a space behind that.
pub const MATCHERS: &str = concat!(
    "^",
    spaces!(),
    r"(\{",
    spaces!(),
    "(",
    matcher!(),
    "(,",
    spaces!(),
    r"|\}",
    spaces!(),
    r"$))+(\}",
    spaces!(),
    ")?|(",
    matcher!(),
    "(,",
    spaces!(),
    "|$))+)$"
);
/// From one time of a day to another.
pub const HOURS: &str = r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$";
/// A day of the calendar.
pub const DATE: &str = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$";

/// A currency by its ISO 4217 code.
pub const CURRENCY: &str = "^[A-Z]{3}$";

const PATTERNS: [Pattern; 13] = [
    Pattern { expression: CURRENCY, noun: "currency", example: "EUR" },
    Pattern { expression: DURATION, noun: "duration", example: "30s, 5m or 1h30m" },
    Pattern { expression: MOMENT, noun: "moment in UTC", example: "2026-11-24T10:00:00Z" },
    Pattern {
        expression: NAME,
        noun: "name",
        example: "checkout-v2: lower-case letters, digits, - and .",
    },
    Pattern {
        expression: ENTRY,
        noun: "name",
        example: "front-page: lower-case letters, digits and -",
    },
    Pattern {
        expression: PORT,
        noun: "port",
        example: "80, or http: a name of lower-case letters, digits and -",
    },
    Pattern { expression: PATH, noun: "path", example: "/healthz" },
    Pattern { expression: IMAGE, noun: "image", example: "registry.example.com/shop/checkout:1.2" },
    Pattern { expression: VARIABLE, noun: "name of a variable", example: "LOG_LEVEL" },
    Pattern { expression: CIDR, noun: "range of addresses", example: "203.0.113.0/24" },
    Pattern { expression: HOURS, noun: "range of hours", example: "10:00-16:00" },
    Pattern { expression: DATE, noun: "date", example: "2026-12-20" },
    Pattern {
        expression: MATCHERS,
        noun: "matcher",
        example: r#"'{alertname="CheckoutDown"}' with its quotes"#,
    },
];

impl Pattern {
    /// The pattern with this regular expression.
    #[must_use]
    pub fn of(expression: &str) -> Option<&'static Self> {
        PATTERNS.iter().find(|pattern| pattern.expression == expression)
    }
}
