//! Prometheus: its own series of alerts, by an instant query with a range, whose samples carry the
//! exact stamps of the rule evaluations.

mod value;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Alert, Inquiry, Poll, Question, ShortLabels, Source, Value};
use crate::{
    api::{Duration, Moment},
    core::{
        alerts::{AlertReport, Channel, matcher::Labels, rules::Rule},
        hash,
        span::Span,
    },
};

/// Path of the rules.
pub const RULES: &str = "/api/v1/rules";

/// Its own series of alerts, by polling.
pub const SOURCE: Source = Source {
    channel: Channel {
        name: "prometheus",
        source: "Prometheus",
        knows_silences: false,
        has_history: true,
        holds: None,
    },
    endpoint: |config| config.prometheus.clone(),
    check: ask_rules,
    rules: Some(|answer| read_rules(answer.get())),
    value: Some(Value { ask: |expression| instant(expression.to_owned()), read: value::read }),
    alerts: |inquiry| instant(query(inquiry)),
    read: |answer, inquiry, rules| {
        read(answer.get(), inquiry, rules).map_err(|error| error.to_string())
    },
    push: None,
};

/// Alerting rules, without the alerts that are on, where the server knows how to leave those out.
fn ask_rules() -> Question {
    let query = vec![("type", "alert".to_owned()), ("exclude_alerts", "true".to_owned())];
    Question { path: RULES, query }
}

/// An instant query.
fn instant(query: String) -> Question {
    Question { path: "/api/v1/query", query: vec![("query", query)] }
}

/// Every alert that was pending or firing so long ago and since then.
fn query(inquiry: &Inquiry) -> String {
    let of = inquiry.matcher().map(|matcher| format!(",{matcher}")).unwrap_or_default();
    let seconds = range(inquiry.back).std().as_secs();
    format!("{{__name__=~\"ALERTS|ALERTS_FOR_STATE\"{of}}}[{seconds}s]")
}

/// Ranges have whole seconds here.
fn range(back: Duration) -> Duration {
    Duration::seconds(back.std().as_secs() + 1)
}

/// Why an answer could not be read.
#[derive(Debug, thiserror::Error)]
#[error("Prometheus answered something else than a matrix: {0}")]
struct ReadError(#[from] serde_json::Error);

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Matrix<'a>,
}

#[derive(Deserialize)]
struct Matrix<'a> {
    #[serde(borrow)]
    result: Vec<Series<'a>>,
}

#[derive(Deserialize)]
struct Series<'a> {
    metric: ShortLabels,
    /// A list of [`Sample`]s.
    #[serde(borrow)]
    values: &'a RawValue,
}

/// Stamp and value.
type Sample<'a> = (f64, &'a str);

/// Stamps and whether the alert fired then; else it was pending.
type States = Vec<(f64, bool)>;

/// The samples of one alert in an answer.
struct Samples {
    labels: Labels,
    /// How often its rule is evaluated, where that is known.
    interval: Option<Duration>,
    /// In order of time.
    states: States,
    /// The whole second in which its condition became true last.
    began: f64,
}

/// How often each alert's rule is evaluated, by `alertname`.
type Intervals<'a> = BTreeMap<&'a str, Duration>;

#[derive(Deserialize)]
struct RulesAnswer {
    data: Groups,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    interval: Option<f64>,
    rules: Option<Vec<Evaluated>>,
}

#[derive(Deserialize)]
struct Evaluated {
    name: Option<String>,
    labels: Option<Labels>,
    query: Option<String>,
    /// Its `for`, in seconds.
    duration: Option<f64>,
    health: Option<String>,
}

/// Reads the alerting rules.
fn read_rules(answer: &str) -> Result<Vec<Rule>, String> {
    let answer: RulesAnswer = serde_json::from_str(answer)
        .map_err(|error| format!("the answer names no groups of rules: {error}"))?;
    let of_group = |Group { interval, rules }| {
        let interval = from_seconds(interval.unwrap_or_default());
        let read = move |rule: Evaluated| {
            let hash =
                hash::short(&(&rule.name, &rule.query, &rule.labels, rule.duration, interval));
            let labels = rule.labels.unwrap_or_default();
            let hold = from_seconds(rule.duration.unwrap_or_default());
            // One that was not evaluated yet has the health `unknown`.
            let is_broken = rule.health.as_deref() == Some("err");
            Some(Rule { alert: rule.name?, labels, interval, hold, is_broken, hash })
        };
        rules.into_iter().flatten().filter_map(read)
    };
    Ok(answer.data.groups.into_iter().flat_map(of_group).collect())
}

fn from_seconds(seconds: f64) -> Duration {
    std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().into()
}

/// Reads the alerts from an answer to [`query`].
fn read(answer: &str, inquiry: &Inquiry, rules: &[Rule]) -> Result<Vec<Box<dyn Alert>>, ReadError> {
    let answer: Answer<'_> = serde_json::from_str(answer)?;
    let intervals: Intervals<'_> =
        rules.iter().map(|rule| (rule.alert.as_str(), rule.interval)).collect();
    let mut alerts: BTreeMap<Labels, (States, f64)> = BTreeMap::new();
    for Series { metric, values } in answer.data.result {
        let Some(mut labels) = metric.0.filter(|labels| inquiry.wants(labels)) else { continue };
        let name = labels.remove("__name__");
        let firing = labels.remove("alertstate").is_some_and(|state| state == "firing");
        let (states, began) = alerts.entry(labels).or_default();
        let values: Vec<Sample<'_>> = serde_json::from_str(values.get())?;
        if name.as_deref() == Some("ALERTS") {
            states.extend(values.iter().map(|(at, _)| (*at, firing)));
        } else {
            let seconds = values.iter().filter_map(|(_, value)| value.parse().ok());
            *began = seconds.fold(*began, f64::max);
        }
    }
    let samples = |(labels, (mut states, began)): (Labels, (States, f64))| {
        states.sort_by(|a, b| a.0.total_cmp(&b.0));
        let rule = labels.get("alertname").and_then(|name| intervals.get(name.as_str()));
        let interval = rule.copied();
        Box::new(Samples { labels, interval, states, began }) as Box<dyn Alert>
    };
    Ok(alerts.into_iter().map(samples).collect())
}

impl Alert for Samples {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The last episode of an alert: from its condition becoming true on. The samples of a longer time than this run
    /// asks about are there for another one. An evaluation is an instant: an alert that fires at one did not at the
    /// one before it.
    fn report(&self, poll: &Poll) -> Option<AlertReport> {
        let from = poll.now.minus(range(Duration::between(poll.since, poll.now)));
        let is_before =
            |(at, _): &(f64, bool)| Moment::from_unix_seconds(*at).is_none_or(|stamp| stamp < from);
        let asked = &self.states[self.states.partition_point(is_before)..];
        // `ALERTS_FOR_STATE` has whole seconds; the first sample of the episode has the exact stamp.
        let episode = &asked[asked.partition_point(|(at, _)| *at < self.began)..];
        let (active, _) = *episode.first()?;
        let firing = episode.iter().find(|(_, firing)| *firing).map(|(at, _)| *at);
        let span = |stamp: f64| {
            let at = Moment::from_unix_seconds(stamp)?;
            let evaluated = self.interval.map(|interval| at.minus(interval));
            let asked = poll.previous.filter(|previous| *previous <= at);
            Some(Span::new(evaluated.max(asked).unwrap_or(at), at))
        };
        // An episode that began before the first sample that was asked for began at its recorded second.
        let began = self.began;
        let known = if began > 0.0 && active - began > 1.0 { began } else { active };
        // An alert that is over has no sample at the last evaluations.
        let last = episode.last().and_then(|(at, _)| Moment::from_unix_seconds(*at))?;
        let patience = self.interval.map_or(Duration::seconds(60), |interval| interval + interval);
        Some(AlertReport {
            channel: SOURCE.channel,
            labels: self.labels.clone(),
            fingerprint: None,
            suppressed: false,
            active: Duration::between(last, poll.now) <= patience,
            condition_true: span(known),
            firing: firing.and_then(span),
            notified: None,
            pushed: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(seconds: f64) -> Moment {
        Moment::from_unix_seconds(seconds).unwrap()
    }

    fn answer(pending: &[f64], firing: &[f64], active_at: f64) -> Value {
        let series = |name: &str, state: Option<&str>, values: Vec<(f64, String)>| {
            let mut metric = json!({"__name__": name, "alertname": "Slow", "namespace": "shop"});
            if let Some(state) = state {
                metric["alertstate"] = state.into();
            }
            json!({"metric": metric, "values": values})
        };
        let ones = |stamps: &[f64]| stamps.iter().map(|at| (*at, "1".to_owned())).collect();
        let all = pending.iter().chain(firing).map(|at| (*at, active_at.to_string())).collect();
        json!({"status": "success", "data": {"resultType": "matrix", "result": [
            series("ALERTS", Some("pending"), ones(pending)),
            series("ALERTS", Some("firing"), ones(firing)),
            series("ALERTS_FOR_STATE", None, all),
        ]}})
    }

    /// The alerts of an answer to somebody who asks for shop; the rule is evaluated every five seconds.
    fn alerts(answer: &Value) -> Result<Vec<Box<dyn Alert>>, ReadError> {
        let (alert, interval) = ("Slow".to_owned(), Duration::seconds(5));
        let hold = Duration::ZERO;
        let (labels, hash) = (Labels::new(), String::new());
        let rules = [Rule { alert, labels, interval, hold, is_broken: false, hash }];
        read(&answer.to_string(), &inquiry(115.0), &rules)
    }

    fn inquiry(back: f64) -> Inquiry {
        let (label, namespaces) = ("namespace".to_owned(), ["shop".to_owned()].into());
        Inquiry { back: from_seconds(back), label, namespaces }
    }

    /// What the alerts of an answer at 115 tell a run that asks about all of the time.
    fn seen(answer: &Value) -> Result<Vec<AlertReport>, ReadError> {
        let poll = Poll { now: at(115.0), since: at(0.0), previous: None };
        Ok(alerts(answer)?.iter().filter_map(|alert| alert.report(&poll)).collect())
    }

    #[test]
    fn the_source_is_asked_for_the_namespaces_of_the_runs_and_as_far_back_as_the_oldest_asks() {
        for (back, seconds) in [(0.0, 1), (0.9, 1), (1.0, 2), (600.2, 601)] {
            let series = r#"__name__=~"ALERTS|ALERTS_FOR_STATE",namespace=~"|shop""#;
            assert_eq!(query(&inquiry(back)), format!("{{{series}}}[{seconds}s]"));
        }
    }

    #[test]
    fn of_an_answer_that_another_run_has_asked_about_a_longer_time_a_run_hears_what_it_would_alone()
    {
        let whole = answer(&[90.25, 95.25], &[100.25, 105.25, 110.25], 90.0);
        for since in 80..115 {
            let poll = Poll { now: at(115.0), since: at(f64::from(since)), previous: None };
            // What Prometheus tells somebody who asks about that time alone.
            let mut own = whole.clone();
            for series in own["data"]["result"].as_array_mut().unwrap() {
                let stamps = series["values"].as_array_mut().unwrap();
                stamps.retain(|sample| sample[0].as_f64().unwrap() >= f64::from(since) - 1.0);
            }
            let heard = |answer: &Value| {
                let alerts = alerts(answer).unwrap();
                alerts.iter().filter_map(|alert| alert.report(&poll)).collect::<Vec<_>>()
            };
            assert_eq!(heard(&whole), heard(&own), "since {since}");
            assert_eq!(heard(&whole).len(), usize::from(since <= 111), "since {since}");
        }
    }

    #[test]
    fn alerts_of_namespaces_without_a_run_are_not_kept() {
        let mut body = answer(&[100.25], &[], 100.0);
        for series in body["data"]["result"].as_array_mut().unwrap() {
            series["metric"]["namespace"] = "edge".into();
        }
        assert!(seen(&body).unwrap().is_empty());
    }

    #[test]
    fn an_alert_fires_at_an_evaluation_and_did_not_at_the_one_before() {
        let seen = seen(&answer(&[100.25, 105.25], &[110.25], 100.0)).unwrap();
        assert_eq!(seen[0].condition_true, Some(Span::new(at(95.25), at(100.25))));
        assert_eq!(seen[0].firing, Some(Span::new(at(105.25), at(110.25))));
    }

    #[test]
    fn an_alert_that_was_pending_before_the_range_began_at_its_recorded_second() {
        let seen = seen(&answer(&[105.25], &[110.25], 40.0)).unwrap();
        assert_eq!(seen[0].condition_true.unwrap().at, at(40.0));
    }

    #[test]
    fn an_alert_that_fires_again_counts_from_its_last_episode() {
        let mut body = answer(&[], &[100.25, 140.25], 140.0);
        body["data"]["result"][2]["values"][0] = json!([100.25, "100"]);
        let seen = seen(&body).unwrap();
        assert_eq!(seen[0].firing.unwrap().at, at(140.25));
    }

    #[test]
    fn a_pending_alert_has_not_fired() {
        let seen = seen(&answer(&[100.25], &[], 100.0)).unwrap();
        assert_eq!(seen[0].firing, None);
    }

    #[test]
    fn a_rule_has_its_name_and_its_own_labels() {
        let answer = json!({"status": "success", "data": {"groups": [
            {"name": "shop", "interval": 5, "rules": [
                {"type": "alerting", "name": "Slow", "labels": {"severity": "page"}, "duration": 90, "health": "err"}]},
            {"name": "more", "interval": 5, "rules": [{"type": "alerting", "name": "Bare"}]}]}});
        let rules = read_rules(&answer.to_string()).unwrap();
        assert_eq!(
            rules.iter().map(|rule| rule.alert.as_str()).collect::<Vec<_>>(),
            ["Slow", "Bare"]
        );
        assert_eq!(rules[0].labels["severity"], "page");
        assert_eq!(rules[0].interval, Duration::seconds(5));
        assert_eq!((rules[0].hold, rules[0].is_broken), (Duration::seconds(90), true));
        assert_eq!((rules[1].hold, rules[1].is_broken), (Duration::ZERO, false));
        assert!(read_rules(r#"{"status": "error"}"#).is_err());
        let bare = r#"{"data": {"groups": [{"rules": null}, {"rules": [{"name": "A", "labels": null}]}]}}"#;
        assert_eq!(read_rules(bare).unwrap().len(), 1);
    }

    #[test]
    fn another_shape_is_an_error() {
        assert!(seen(&json!({"status": "error"})).is_err());
    }
}
