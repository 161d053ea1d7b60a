//! The alert sources: what to ask, and what the answers mean.
//!
//! Reading is pure; the asking is `shell`'s. An answer is read once for all runs; what of it one of them hears depends
//! on when that one began to ask ([`Poll`]). Whatever differs from one source to another is in its [`Source`]:
//! nobody else asks which source it is.

pub mod alertmanager;
pub mod prometheus;

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    api::{Duration, Moment},
    config::{Config, Endpoint},
    core::alerts::{AlertHistory, AlertReport, Channel, matcher::Labels, rules::Rule},
};

/// Every alert source, in the order in which people read of them.
pub const SOURCES: &[Source] = &[prometheus::SOURCE, alertmanager::SOURCE];

/// What an alert source says of itself.
#[derive(Clone, Copy)]
pub struct Source {
    /// How it tells where it is asked: its names, and what its word is worth.
    pub channel: Channel,
    /// Where it is; absent where it is not configured.
    pub endpoint: fn(&Config) -> Option<Endpoint>,
    /// A question that it answers where it is well.
    pub check: fn() -> Question,
    /// Reads its alerting rules from the answer to `check`; absent where it tells none.
    pub rules: Option<fn(&RawValue) -> Told<Rule>>,
    /// How it tells one value; absent where it has none to tell.
    pub value: Option<Value>,
    /// What to ask for its alerts.
    pub alerts: fn(&Inquiry) -> Question,
    /// Reads the alerts from the answer, by what its rules are as far as it has told them.
    pub read: ReadAlerts,
    /// How it notifies; absent where it does not.
    pub push: Option<Push>,
}

/// How a source tells the value of an expression.
#[derive(Clone, Copy)]
pub struct Value {
    /// What to ask for the value of that expression.
    pub ask: fn(&str) -> Question,
    /// Reads it from the answer.
    pub read: fn(&RawValue) -> Result<f64, String>,
}

/// Reads the alerts from an answer; see [`Source::read`].
pub type ReadAlerts = fn(&RawValue, &Inquiry, &[Rule]) -> Told<Box<dyn Alert>>;

/// What an answer or a notification tells, or why it could not be read.
pub type Told<T> = Result<Vec<T>, String>;

/// A GET of JSON from a source.
pub struct Question {
    /// The path below its URL.
    pub path: &'static str,
    /// The query.
    pub query: Vec<(&'static str, String)>,
}

/// What a source is asked once for all runs.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// How far to look back, for the run that asks about the longest time.
    pub back: Duration,
    /// The label that names an alert's namespace; empty where none does.
    pub label: String,
    /// The namespaces of the runs.
    pub namespaces: BTreeSet<String>,
}

/// The longest pattern of namespaces that is sent: some proxies take no address of more than a few kilobytes.
const PATTERN_MAX: usize = 2048;

impl Inquiry {
    /// Whether an alert with these labels may be known to any of the runs: it names the namespace of one, or none.
    fn wants(&self, labels: &Labels) -> bool {
        let named = labels.get(&self.label).map_or("", String::as_str);
        self.label.is_empty() || named.is_empty() || self.namespaces.contains(named)
    }

    /// A matcher of what is [wanted](Self::wants), so that a source need not tell the rest. Absent where all of it is
    /// wanted, or that would be too long, or the label is none that every source can read.
    fn matcher(&self) -> Option<String> {
        let is_plain = |c: char| c == '_' || c.is_ascii_alphanumeric();
        let starts_well = !self.label.starts_with(|c: char| c.is_ascii_digit());
        if self.label.is_empty() || !starts_well || !self.label.chars().all(is_plain) {
            return None;
        }
        let names =
            self.namespaces.iter().flat_map(|name| ["|", name.as_str()]).collect::<String>();
        (names.len() <= PATTERN_MAX).then(|| format!("{}=~\"{names}\"", self.label))
    }
}

/// One alert of an answer, which many may hear.
pub trait Alert: Send + Sync {
    /// Its labels.
    fn labels(&self) -> &Labels;

    /// What it tells a run that asks like this; absent where it says nothing of the time that the run asks about.
    fn report(&self, poll: &Poll) -> Option<AlertReport>;
}

/// When a source is asked for its alerts, by the clock of one run.
#[derive(Clone, Copy, Debug)]
pub struct Poll {
    /// When it is asked.
    pub now: Moment,
    /// Since when alerts matter.
    pub since: Moment,
    /// When it was asked before, if it answered that.
    pub previous: Option<Moment>,
}

/// Reads a notification and hands on each of its alerts; see [`Push::read`].
pub type ReadNotification = fn(&[u8], &mut dyn FnMut(AlertReport)) -> Result<usize, String>;

/// How a source notifies.
#[derive(Clone, Copy)]
pub struct Push {
    /// How its notifications tell.
    pub channel: Channel,
    /// The path at which they are received.
    pub route: &'static str,
    /// Reads a notification and hands on each of its alerts as it is read, so that thousands are never held at once;
    /// they are yet to be [`delivered`](AlertReport::delivered). Gives how many it left out as their labels are too
    /// long, or why it could not be read to its end.
    pub read: ReadNotification,
    /// What to set so that they are sent sooner.
    pub sooner: &'static str,
}

/// The sources that are configured to be asked, each with where it is.
#[must_use]
pub fn configured(config: &Config) -> Vec<(&'static Source, Endpoint)> {
    SOURCES.iter().filter_map(|source| Some((source, (source.endpoint)(config)?))).collect()
}

/// What the sources said, nothing as yet.
#[must_use]
pub fn history(config: &Config) -> AlertHistory {
    AlertHistory::of(
        SOURCES.iter().map(|source| (source.channel, (source.endpoint)(config).is_some())),
    )
}

/// How sources notify.
pub fn pushes() -> impl Iterator<Item = Push> {
    SOURCES.iter().filter_map(|source| source.push)
}

fn channels() -> impl Iterator<Item = Channel> {
    SOURCES.iter().map(|source| source.channel).chain(pushes().map(|push| push.channel))
}

/// What people call the source that tells on the channel of that name.
#[must_use]
pub fn called(channel: &str) -> &str {
    channels().find(|known| known.name == channel).map_or(channel, |known| known.source)
}

/// The longest labels of an alert, names and values together: those of real ones have some hundred bytes, and a run's
/// status, in which the labels of up to twenty alerts stand, may not have more than 1.5 MB in etcd.
const LABELS_MAX: usize = 8 << 10;

/// The labels of an alert; absent where they are longer than any that is taken up.
struct ShortLabels(Option<Labels>);

impl<'de> Deserialize<'de> for ShortLabels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ReadLabels)
    }
}

struct ReadLabels;

impl<'de> Visitor<'de> for ReadLabels {
    type Value = ShortLabels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("labels, each with a text")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ShortLabels, A::Error> {
        let (mut labels, mut length) = (Labels::new(), 0);
        while let Some((name, value)) = map.next_entry::<String, String>()? {
            length += name.len() + value.len();
            if length <= LABELS_MAX {
                labels.insert(name, value);
            }
        }
        Ok(ShortLabels((length <= LABELS_MAX).then_some(labels)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_is_wanted_what_may_be_known_to_a_run_and_the_source_is_asked_for_that() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let inquiry = |label: &str, namespaces: &[&str]| Inquiry {
            back: Duration::ZERO,
            label: label.to_owned(),
            namespaces: names(namespaces),
        };
        let long: Vec<String> = (0..300).map(|number| format!("shop-{number}")).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        for (label, namespaces, wanted, matcher) in [
            (
                "namespace",
                &["edge", "shop"][..],
                [true, false, true, true],
                Some("namespace=~\"|edge|shop\""),
            ),
            ("tenant", &["shop"], [true, true, true, false], Some("tenant=~\"|shop\"")),
            ("", &["shop"], [true, true, true, true], None),
            ("k8s.ns", &["shop"], [true, true, true, true], None),
            ("1st", &["shop"], [true, true, true, true], None),
            ("namespace", &long, [false, false, true, true], None),
        ] {
            let inquiry = inquiry(label, namespaces);
            let seen = [
                &[("namespace", "shop")][..],
                &[("namespace", "other")],
                &[("namespace", "")],
                &[("tenant", "edge")],
            ]
            .map(|labels| {
                let owned = labels.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
                inquiry.wants(&owned.collect())
            });
            assert_eq!(seen, wanted, "{label} {namespaces:?}");
            assert_eq!(inquiry.matcher().as_deref(), matcher, "{label}");
        }
    }

    #[test]
    fn each_source_is_configured_by_its_own_key_and_tells_on_channels_of_its_own() {
        for source in SOURCES {
            let key = source.channel.name;
            let config = serde_yaml::from_str(&format!("{{{key}: {{url: 'http://x'}}}}")).unwrap();
            let configured = configured(&config);
            let keys: Vec<_> = configured.iter().map(|(source, _)| source.channel.name).collect();
            assert_eq!(keys, [key]);
            assert_eq!(history(&config).configured(), 1);
        }
        for channel in channels() {
            let same = channels().filter(|other| other.name == channel.name);
            assert_eq!(same.count(), 1, "{}", channel.name);
        }
        assert_eq!(configured(&Config::default()).len(), 0);
    }
}
