//! Alertmanager: its API by polling, and its notifications by push.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    api::Moment,
    core::{
        alarms::{Channel, Sighting},
        matcher::Labels,
        span::Span,
    },
};

/// Path of the alerts; suppressed ones are among them.
pub const ALERTS: &str = "/api/v2/alerts";

/// Path of its own state.
pub const STATUS: &str = "/api/v2/status";

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
pub struct Notification {
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
pub enum ReadError {
    /// The body has another shape.
    #[error("this is no Alertmanager notification: {0}")]
    Shape(#[from] serde_json::Error),
    /// The payload is of another version.
    #[error("notifications of version 4 are understood, this one has version {0:?}")]
    Version(String),
}

/// Reads the alerts from an answer to [`ALERTS`]; a firing alert's `startsAt` is when it fired.
///
/// # Errors
/// When the answer has another shape.
pub fn read_alerts(answer: Value) -> Result<Vec<Sighting>, ReadError> {
    let alerts: Vec<Alert> = serde_json::from_value(answer)?;
    let sighting = |alert: Alert| Sighting {
        channel: Channel::Alertmanager,
        labels: alert.labels,
        fingerprint: Some(alert.fingerprint),
        suppressed: alert.status.state == "suppressed",
        active: true,
        condition_true: None,
        firing: Some(fired(alert.starts_at)),
        notified: None,
        pushed: None,
    };
    Ok(alerts.into_iter().map(sighting).collect())
}

impl Notification {
    /// Reads a notification.
    ///
    /// # Errors
    /// When the body has another shape or version.
    pub fn read(body: &[u8]) -> Result<Self, ReadError> {
        let notification: Self = serde_json::from_slice(body)?;
        if notification.version != "4" {
            return Err(ReadError::Version(notification.version));
        }
        Ok(notification)
    }

    /// Its alerts for a run by whose clock it was received at `received`; those that it calls resolved are not
    /// active.
    #[must_use]
    pub fn sightings(&self, received: Moment) -> Vec<Sighting> {
        let sighting = |alert: &Notified| {
            let active = alert.status == "firing";
            Sighting {
                channel: Channel::Webhook,
                labels: alert.labels.clone(),
                fingerprint: alert.fingerprint.clone(),
                suppressed: false,
                active,
                condition_true: None,
                firing: Some(fired(alert.starts_at)),
                notified: active.then(|| Span::new(alert.starts_at, received)),
                pushed: Some(received),
            }
        };
        self.alerts.iter().map(sighting).collect()
    }
}

/// `startsAt` is the stamp of the evaluation, cut to milliseconds.
fn fired(starts_at: Moment) -> Span {
    Span::new(starts_at, starts_at + crate::api::Duration::millis(1))
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
        let seen = Notification::read(BODY.as_bytes()).unwrap().sightings(received);
        assert_eq!(seen.iter().map(|alert| alert.active).collect::<Vec<_>>(), [true, false]);
        assert_eq!(seen[0].firing.unwrap().not_before.to_string(), "2026-11-24T10:00:00.123000Z");
        assert_eq!(seen[0].notified.unwrap().at, received);
        assert_eq!(seen[1].notified, None, "that it is resolved is not what calls people");
    }

    #[test]
    fn another_version_or_shape_is_refused() {
        assert!(Notification::read(BODY.replace("\"4\"", "\"1\"").as_bytes()).is_err());
        assert!(Notification::read(b"{}").is_err());
    }
}
