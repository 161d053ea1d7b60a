//! Prometheus: its own series of alerts, by an instant query with a range, whose samples carry the
//! exact stamps of the rule evaluations.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Poll, Question, ShortLabels, Source};
use crate::{
    api::{Duration, Moment},
    core::{
        alerts::{AlertReport, Channel, matcher::Labels, rules::Rule},
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
    rules: Some(read_rules),
    alerts: |poll| Question {
        path: "/api/v1/query",
        query: vec![("query", query(Duration::between(poll.since, poll.now)))],
    },
    read: |answer, poll, rules| read(answer, poll, rules).map_err(|error| error.to_string()),
    push: None,
};

/// Alerting rules, without the alerts that are on, where the server knows how to leave those out.
fn ask_rules() -> Question {
    let query = vec![("type", "alert".to_owned()), ("exclude_alerts", "true".to_owned())];
    Question { path: RULES, query }
}

/// Every alert that was pending or firing in the last `range`.
fn query(range: Duration) -> String {
    let seconds = range.std().as_secs() + 1;
    format!("{{__name__=~\"ALERTS|ALERTS_FOR_STATE\"}}[{seconds}s]")
}

/// Why an answer could not be read.
#[derive(Debug, thiserror::Error)]
#[error("Prometheus answered something else than a matrix: {0}")]
struct ReadError(#[from] serde_json::Error);

#[derive(Deserialize)]
struct Answer {
    data: Matrix,
}

#[derive(Deserialize)]
struct Matrix {
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: ShortLabels,
    values: Vec<(f64, String)>,
}

/// The samples of one alert.
#[derive(Default)]
struct Samples {
    /// Stamp and state, in order of time.
    states: Vec<(f64, bool)>,
    /// Stamp and the whole second in which the condition became true.
    active_at: Vec<(f64, f64)>,
}

/// How often each alert's rule is evaluated, by `alertname`.
type Intervals<'a> = BTreeMap<&'a str, Duration>;

/// Reads the alerting rules.
fn read_rules(answer: &Value) -> Result<Vec<Rule>, String> {
    let groups =
        answer["data"]["groups"].as_array().ok_or("the answer names no groups of rules")?;
    let rules = groups.iter().flat_map(|group| {
        let interval = from_seconds(group["interval"].as_f64().unwrap_or_default());
        group["rules"].as_array().into_iter().flatten().map(move |rule| (rule, interval))
    });
    let read = |(rule, interval): (&Value, Duration)| {
        let labels = rule["labels"].as_object().into_iter().flatten();
        let label =
            |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        Some(Rule {
            alert: rule["name"].as_str()?.to_owned(),
            labels: labels.filter_map(label).collect(),
            interval,
        })
    };
    Ok(rules.filter_map(read).collect())
}

fn from_seconds(seconds: f64) -> Duration {
    std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().into()
}

/// Reads the alerts from an answer to [`query`].
///
/// An evaluation is an instant: an alert that fires at one did not at the one before it.
fn read(answer: Value, poll: &Poll, rules: &[Rule]) -> Result<Vec<AlertReport>, ReadError> {
    let answer: Answer = serde_json::from_value(answer)?;
    let intervals: Intervals<'_> =
        rules.iter().map(|rule| (rule.alert.as_str(), rule.interval)).collect();
    let mut alerts: BTreeMap<Labels, Samples> = BTreeMap::new();
    for series in answer.data.result {
        let Some(mut labels) = series.metric.0 else { continue };
        let name = labels.remove("__name__");
        let firing = labels.remove("alertstate").is_some_and(|state| state == "firing");
        let samples = alerts.entry(labels).or_default();
        if name.as_deref() == Some("ALERTS") {
            samples.states.extend(series.values.iter().map(|(at, _)| (*at, firing)));
        } else {
            let value = |(at, value): &(f64, String)| Some((*at, value.parse().ok()?));
            samples.active_at.extend(series.values.iter().filter_map(value));
        }
    }
    let report = |(labels, samples)| report(labels, samples, &intervals, poll);
    Ok(alerts.into_iter().filter_map(report).collect())
}

/// The last episode of an alert: from its condition becoming true on.
fn report(
    labels: Labels,
    mut samples: Samples,
    intervals: &Intervals<'_>,
    poll: &Poll,
) -> Option<AlertReport> {
    samples.states.sort_by(|a, b| a.0.total_cmp(&b.0));
    let began = samples.active_at.iter().map(|(_, active)| *active).fold(0.0, f64::max);
    let interval = labels.get("alertname").and_then(|name| intervals.get(name.as_str())).copied();
    // `ALERTS_FOR_STATE` has whole seconds; the first sample of the episode has the exact stamp.
    let first = |wanted: fn(bool) -> bool| {
        samples
            .states
            .iter()
            .find(|(at, firing)| *at >= began && wanted(*firing))
            .map(|(at, _)| *at)
    };
    let span = |stamp: f64| {
        let at = Moment::from_unix_seconds(stamp)?;
        let evaluated = interval.map(|interval| at.minus(interval));
        let asked = poll.previous.filter(|previous| *previous <= at);
        Some(Span::new(evaluated.max(asked).unwrap_or(at), at))
    };
    let active = first(|_| true)?;
    // An episode that began before the first sample that was asked for began at its recorded second.
    let known = if began > 0.0 && active - began > 1.0 { began } else { active };
    // An alert that is over has no sample at the last evaluations.
    let last = samples.states.last().and_then(|(at, _)| Moment::from_unix_seconds(*at))?;
    let patience = interval.map_or(Duration::seconds(60), |interval| interval + interval);
    Some(AlertReport {
        channel: SOURCE.channel,
        labels,
        fingerprint: None,
        suppressed: false,
        active: Duration::between(last, poll.now) <= patience,
        condition_true: span(known),
        firing: first(|firing| firing).and_then(span),
        notified: None,
        pushed: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    /// The alerts of an answer at 115; the rule is evaluated every five seconds.
    fn seen(answer: Value) -> Result<Vec<AlertReport>, ReadError> {
        let poll = Poll { now: at(115.0), since: at(0.0), previous: None };
        let (alert, interval) = ("Slow".to_owned(), Duration::seconds(5));
        read(answer, &poll, &[Rule { alert, labels: Labels::new(), interval }])
    }

    #[test]
    fn an_alert_fires_at_an_evaluation_and_did_not_at_the_one_before() {
        let seen = seen(answer(&[100.25, 105.25], &[110.25], 100.0)).unwrap();
        assert_eq!(seen[0].condition_true, Some(Span::new(at(95.25), at(100.25))));
        assert_eq!(seen[0].firing, Some(Span::new(at(105.25), at(110.25))));
    }

    #[test]
    fn an_alert_that_was_pending_before_the_range_began_at_its_recorded_second() {
        let seen = seen(answer(&[105.25], &[110.25], 40.0)).unwrap();
        assert_eq!(seen[0].condition_true.unwrap().at, at(40.0));
    }

    #[test]
    fn an_alert_that_fires_again_counts_from_its_last_episode() {
        let mut body = answer(&[], &[100.25, 140.25], 140.0);
        body["data"]["result"][2]["values"][0] = json!([100.25, "100"]);
        let seen = seen(body).unwrap();
        assert_eq!(seen[0].firing.unwrap().at, at(140.25));
    }

    #[test]
    fn a_pending_alert_has_not_fired() {
        let seen = seen(answer(&[100.25], &[], 100.0)).unwrap();
        assert_eq!(seen[0].firing, None);
    }

    #[test]
    fn a_rule_has_its_name_and_its_own_labels() {
        let answer = json!({"status": "success", "data": {"groups": [
            {"name": "shop", "interval": 5, "rules": [
                {"type": "alerting", "name": "Slow", "labels": {"severity": "page"}, "duration": 0}]},
            {"name": "more", "interval": 5, "rules": [{"type": "alerting", "name": "Bare"}]}]}});
        let rules = read_rules(&answer).unwrap();
        assert_eq!(
            rules.iter().map(|rule| rule.alert.as_str()).collect::<Vec<_>>(),
            ["Slow", "Bare"]
        );
        assert_eq!(rules[0].labels["severity"], "page");
        assert_eq!(rules[0].interval, Duration::seconds(5));
        assert!(read_rules(&json!({"status": "error"})).is_err());
    }

    #[test]
    fn another_shape_is_an_error() {
        assert!(seen(json!({"status": "error"})).is_err());
    }
}
