//! Alertmanager: its API by polling, and its notifications by push.

use serde::Deserialize;
use serde_json::Value;

use super::{Push, Question, Source};
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
    // Suppressed ones are among them.
    alerts: |_| Question { path: "/api/v2/alerts", query: Vec::new() },
    read: |answer, _, _| read_alerts(answer).map_err(|error| error.to_string()),
    push: Some(Push {
        channel: WEBHOOK,
        route: "/v1/alertmanager",
        read: |body| read_notification(body).map_err(|error| error.to_string()),
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
struct Alert {
    labels: Labels,
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
#[serde(rename_all = "camelCase")]
struct Notification {
    version: String,
    alerts: Vec<Notified>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notified {
    status: String,
    labels: Labels,
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
fn read_alerts(answer: Value) -> Result<Vec<AlertReport>, ReadError> {
    let alerts: Vec<Alert> = serde_json::from_value(answer)?;
    let report = |alert: Alert| AlertReport {
        channel: SOURCE.channel,
        labels: alert.labels,
        fingerprint: Some(alert.fingerprint),
        suppressed: alert.status.state == "suppressed",
        active: true,
        condition_true: None,
        firing: Some(fired(alert.starts_at)),
        notified: None,
        pushed: None,
    };
    Ok(alerts.into_iter().map(report).collect())
}

/// Reads a notification; the alerts that it calls resolved are not active.
fn read_notification(body: &[u8]) -> Result<Vec<AlertReport>, ReadError> {
    let notification: Notification = serde_json::from_slice(body)?;
    if notification.version != "4" {
        return Err(ReadError::Version(notification.version));
    }
    let report = |alert: Notified| AlertReport {
        channel: WEBHOOK,
        labels: alert.labels,
        fingerprint: alert.fingerprint,
        suppressed: false,
        active: alert.status == "firing",
        condition_true: None,
        firing: Some(fired(alert.starts_at)),
        notified: None,
        pushed: None,
    };
    Ok(notification.alerts.into_iter().map(report).collect())
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

    #[test]
    fn a_notification_tells_when_the_alert_fired_when_it_was_delivered_and_what_is_resolved() {
        let received = "\"2026-11-24T10:00:01.5Z\"";
        let received: Moment = serde_json::from_str(received).unwrap();
        let seen = read_notification(BODY.as_bytes()).unwrap().into_iter();
        let seen: Vec<_> = seen.map(|report| report.delivered(received)).collect();
        assert_eq!(seen.iter().map(|alert| alert.active).collect::<Vec<_>>(), [true, false]);
        assert_eq!(seen[0].firing.unwrap().not_before.to_string(), "2026-11-24T10:00:00.123000Z");
        assert_eq!(seen[0].notified.unwrap().at, received);
        assert_eq!(seen[1].notified, None, "that it is resolved is not what calls people");
    }

    #[test]
    fn another_version_or_shape_is_refused() {
        assert!(read_notification(BODY.replace("\"4\"", "\"1\"").as_bytes()).is_err());
        assert!(read_notification(b"{}").is_err());
    }
}
