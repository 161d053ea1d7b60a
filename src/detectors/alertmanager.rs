//! Alertmanager: its API by polling, and its notifications by push.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Alert, Inquiry, Poll, Push, Question, ShortLabels, Source};
use crate::{
    api::{Duration, Moment},
    config::Alertmanager,
    core::{
        alerts::{AlertReport, Channel, matcher::Labels},
        span::Span,
    },
};

const NAME: &str = "Alertmanager";

/// Its API by polling, and its notifications by push.
pub const SOURCE: Source = Source {
    channel: Channel {
        name: "alertmanager",
        source: NAME,
        knows_silences: true,
        has_history: false,
        holds: None,
    },
    endpoint: |config| config.alertmanager.as_ref().map(Alertmanager::endpoint),
    check: || Question { path: "/api/v2/status", query: Vec::new() },
    rules: None,
    value: None,
    // Suppressed ones are among them.
    alerts: |inquiry| Question {
        path: "/api/v2/alerts",
        query: inquiry.matcher().map(|matcher| ("filter", matcher)).into_iter().collect(),
    },
    read: |answer, inquiry, _| {
        read_alerts(answer.get(), inquiry)
            .map_err(|error| format!("{NAME} answered something else than alerts: {error}"))
    },
    push: Some(Push {
        channel: WEBHOOK,
        route: "/v1/alertmanager",
        read: |body, take| read_notification(body, take).map_err(|error| error.to_string()),
        sooner: "`group_wait`; `group_interval` where its group is open already",
    }),
};

/// Its notifications.
pub const WEBHOOK: Channel = Channel {
    name: "webhook",
    source: NAME,
    knows_silences: true,
    has_history: false,
    // As long as it keeps an alert itself that nobody confirms (its `resolve_timeout`).
    holds: Some(Duration::minutes(5)),
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    labels: ShortLabels,
    fingerprint: String,
    starts_at: Moment,
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    state: String,
}

/// A notification, version 4.
#[derive(Deserialize)]
struct Notification<'a> {
    version: String,
    /// A list of [`Notified`], which are read one at a time.
    #[serde(borrow)]
    alerts: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notified {
    status: String,
    labels: ShortLabels,
    starts_at: Moment,
    fingerprint: Option<String>,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    /// The body has another shape.
    #[error("this is no Alertmanager notification: {0}")]
    Shape(#[from] serde_json::Error),
    /// The payload is of another version.
    #[error("notifications of version 4 are understood, this one has version {0:?}")]
    Version(String),
}

/// Reads the alerts from an answer; a firing alert's `startsAt` is when it fired.
fn read_alerts(answer: &str, inquiry: &Inquiry) -> Result<Vec<Box<dyn Alert>>, serde_json::Error> {
    let mut alerts: Vec<Box<dyn Alert>> = Vec::new();
    let keep = |alert: Listed| {
        let Some(labels) = alert.labels.0.filter(|labels| inquiry.wants(labels)) else { return };
        alerts.push(Box::new(AlertReport {
            channel: SOURCE.channel,
            labels,
            fingerprint: Some(alert.fingerprint).filter(|print| print.len() <= FINGERPRINT_MAX),
            suppressed: alert.status.state == "suppressed",
            active: true,
            condition_true: None,
            firing: Some(fired(alert.starts_at)),
            notified: None,
            pushed: None,
        }));
    };
    each(answer, keep)?;
    Ok(alerts)
}

/// It speaks of its own instant alone, whoever asks.
impl Alert for AlertReport {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn report(&self, _: &Poll) -> Option<AlertReport> {
        Some(self.clone())
    }
}

/// Reads a notification and hands on its alerts; those that it calls resolved are not active. Gives how many it left out
/// as their labels are too long.
fn read_notification(body: &[u8], take: &mut dyn FnMut(AlertReport)) -> Result<usize, ReadError> {
    let notification: Notification<'_> = serde_json::from_slice(body)?;
    if notification.version != "4" {
        return Err(ReadError::Version(notification.version));
    }
    let mut left_out = 0;
    let hand_on = |alert: Notified| match alert.labels.0 {
        Some(labels) => take(AlertReport {
            channel: WEBHOOK,
            labels,
            fingerprint: alert.fingerprint.filter(|print| print.len() <= FINGERPRINT_MAX),
            suppressed: false,
            active: alert.status == "firing",
            condition_true: None,
            firing: Some(fired(alert.starts_at)),
            notified: None,
            pushed: None,
        }),
        None => left_out += 1,
    };
    each(notification.alerts.get(), hand_on)?;
    Ok(left_out)
}

/// Alertmanager's fingerprints have 16 digits.
const FINGERPRINT_MAX: usize = 64;

/// Reads a list and hands on each of its elements as it is read.
fn each<'de, T: Deserialize<'de>>(
    list: &'de str,
    hand_on: impl FnMut(T),
) -> Result<(), serde_json::Error> {
    let mut list = serde_json::Deserializer::from_str(list);
    list.deserialize_seq(Each(hand_on, PhantomData))
}

/// Hands on each element of a list as it is read.
struct Each<T, F: FnMut(T)>(F, PhantomData<T>);

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element()? {
            (self.0)(element);
        }
        Ok(())
    }
}

/// `startsAt` is the stamp of the evaluation, cut to milliseconds.
fn fired(starts_at: Moment) -> Span {
    Span::new(starts_at, starts_at + Duration::millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"version":"4","groupKey":"{}:{}","status":"firing","receiver":"hook",
        "groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"","truncatedAlerts":0,
        "alerts":[
          {"status":"firing","labels":{"alertname":"Down"},"annotations":{},"fingerprint":"ab",
           "startsAt":"2026-11-24T10:00:00.123Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":""},
          {"status":"resolved","labels":{"alertname":"Old"},"annotations":{},"fingerprint":"cd",
           "startsAt":"2026-11-24T09:00:00Z","endsAt":"2026-11-24T09:30:00Z","generatorURL":""}]}"#;

    /// The alerts of a notification, and how many are left out.
    fn read(body: &str) -> Result<(Vec<AlertReport>, usize), ReadError> {
        let mut told = Vec::new();
        let left_out = read_notification(body.as_bytes(), &mut |report| told.push(report))?;
        Ok((told, left_out))
    }

    #[test]
    fn a_notification_tells_when_the_alert_fired_when_it_was_delivered_and_what_is_resolved() {
        let received = "\"2026-11-24T10:00:01.5Z\"";
        let received: Moment = serde_json::from_str(received).unwrap();
        let (seen, left_out) = read(BODY).unwrap();
        let seen: Vec<_> = seen.into_iter().map(|report| report.delivered(received)).collect();
        assert_eq!(left_out, 0);
        assert_eq!(seen.iter().map(|alert| alert.active).collect::<Vec<_>>(), [true, false]);
        assert_eq!(seen[0].fingerprint.as_deref(), Some("ab"));
        assert_eq!(seen[0].firing.unwrap().not_before.to_string(), "2026-11-24T10:00:00.123000Z");
        assert_eq!(seen[0].notified.unwrap().at, received);
        assert_eq!(seen[1].notified, None, "that it is resolved is not what calls people");
    }

    #[test]
    fn alerts_that_no_run_may_know_of_are_neither_asked_for_nor_kept() {
        let (label, namespaces) = ("namespace".to_owned(), ["shop".to_owned()].into());
        let inquiry = Inquiry { back: Duration::ZERO, label, namespaces };
        let asked = (SOURCE.alerts)(&inquiry);
        assert_eq!(asked.query, [("filter", r#"namespace=~"|shop""#.to_owned())]);
        let alert = |namespace: &str| {
            format!(
                r#"{{"labels":{{"namespace":"{namespace}"}},"fingerprint":"ab","annotations":{{}},
                "startsAt":"2026-11-24T10:00:00Z","status":{{"state":"suppressed","silencedBy":["s"]}}}}"#
            )
        };
        let answer = ["shop", "edge", ""].map(alert).join(",");
        let alerts = read_alerts(&format!("[{answer}]"), &inquiry).unwrap();
        let names: Vec<&str> =
            alerts.iter().map(|alert| alert.labels()["namespace"].as_str()).collect();
        assert_eq!(names, ["shop", ""]);
        let now = "\"2026-11-24T10:00:01Z\"";
        let now: Moment = serde_json::from_str(now).unwrap();
        let report = alerts[0].report(&Poll { now, since: now, previous: None }).unwrap();
        assert!(report.active && report.suppressed);
        for other in ["{}", "null", r#"[{"labels":{}}]"#] {
            assert!(read_alerts(other, &inquiry).is_err(), "{other}");
        }
    }

    #[test]
    fn another_version_or_shape_is_refused() {
        assert!(read(&BODY.replace("\"4\"", "\"1\"")).is_err());
        assert!(
            read(&BODY.replace("\"startsAt\":\"2026-11-24T09", "\"at\":\"2026-11-24T09")).is_err()
        );
        for body in [
            "{}",
            r#"{"version":"4"}"#,
            r#"{"version":"4","alerts":null}"#,
            r#"{"version":"4","alerts":{}}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn an_alert_with_endless_labels_is_left_out_and_the_others_are_read() {
        let long = "x".repeat(10_000);
        for labels in [
            format!(r#""alertname":"Down","note":"{long}""#),
            format!(r#""{long}":"Down""#),
            (0..2_000).map(|number| format!(r#""a{number}":"""#)).collect::<Vec<_>>().join(","),
        ] {
            let (told, left_out) = read(&BODY.replace(r#""alertname":"Down""#, &labels)).unwrap();
            let names: Vec<_> = told.iter().map(AlertReport::name).collect();
            assert_eq!((names.as_slice(), left_out), (["Old"].as_slice(), 1));
        }
        let (told, _) = read(&BODY.replace("\"ab\"", &format!("\"{long}\""))).unwrap();
        assert_eq!(told[0].fingerprint, None);
    }
}
