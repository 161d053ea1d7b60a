//! The times of a plan as iCalendar (RFC 5545): imported again, an event takes the place of the one that it was.

use icalendar::{Calendar, Component, Event, Property};
use kube::ResourceExt;

use crate::{
    api::{GameDay, Moment, game_day_run},
    cli::view::clean,
    core::gameday::schedule::Fire,
};

/// The calendar of the times that are not skipped, as of `now`. Its events end when the last fault must be over.
#[must_use]
pub fn of(plan: &GameDay, fires: &[Fire], now: Moment) -> String {
    let mut calendar = Calendar::empty();
    for property in [
        ("VERSION", "2.0"),
        ("PRODID", "-//firedrill//game days//EN"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
    ] {
        calendar.append_property(property);
    }
    for fire in fires.iter().filter(|fire| fire.skipped.is_none()) {
        calendar.push(event(plan, fire.at, now));
    }
    calendar.to_string()
}

fn event(plan: &GameDay, at: Moment, now: Moment) -> Event {
    let name = plan.name_any();
    let day = game_day_run::name(&name, at);
    let instant = |at: Moment| at.timestamp().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut event = Event::new();
    event
        .uid(&format!("{day}.{}@firedrill.dev", plan.namespace().unwrap_or_default()))
        .summary(&format!("Game day {name}"))
        .description(&description(plan));
    for (key, value) in [("DTSTAMP", now), ("DTSTART", at), ("DTEND", at + plan.spec.end_by)] {
        event.append_property(Property::new(key, instant(value)));
    }
    event
}

/// What people may know before: notes and roles, and the steps that are announced.
fn description(plan: &GameDay) -> String {
    let notes = plan.spec.notes.iter().map(|notes| clean(notes));
    let roles = plan.spec.roles.clone().unwrap_or_default();
    let roles =
        [("owner", roles.owner), ("coordinator", roles.coordinator), ("reporter", roles.reporter)];
    let roles =
        roles.into_iter().filter_map(|(role, who)| Some(format!("{role}: {}", clean(&who?))));
    let steps = plan.spec.steps.iter().filter(|step| !step.unannounced);
    let steps = steps.map(|step| format!("step {}: {}", step.name, step.experiment));
    notes.chain(roles).chain(steps).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::gameday::schedule::Schedule;

    #[test]
    fn events_keep_their_names_and_tell_nothing_of_what_is_skipped() {
        let plan: GameDay = serde_json::from_value(json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "GameDay",
            "metadata": {"name": "monthly", "namespace": "shop"},
            "spec": {
                "schedule": "0 10 * * TUE#1", "timeZone": "Europe/London",
                "notes": "bring\r\ncoffee; and cake, please", "roles": {"owner": "payments lead"},
                "blackouts": [{"from": "2027-01-01", "to": "2027-01-05", "reason": "sales"}],
                "steps": [
                    {"name": "kill", "experiment": "checkout-survives-pod-loss"},
                    {"name": "surprise", "experiment": "secret", "unannounced": true},
                ],
            },
        }))
        .unwrap();
        let moment = |text: &str| serde_json::from_value::<Moment>(json!(text)).unwrap();
        let schedule = Schedule::parse(&plan.spec).unwrap();
        let fires: Vec<Fire> = schedule.fires(moment("2026-06-01T00:00:00Z")).take(8).collect();
        let calendar = of(&plan, &fires, moment("2026-06-01T00:00:00Z"));
        let first = [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//firedrill//game days//EN",
            "CALSCALE:GREGORIAN",
            "METHOD:PUBLISH",
            "BEGIN:VEVENT",
            "DESCRIPTION:bring coffee\\; and cake\\, please\\nowner: payments lead\\nstep ki",
            " ll: checkout-survives-pod-loss",
            "DTEND:20260602T110000Z",
            "DTSTAMP:20260601T000000Z",
            "DTSTART:20260602T090000Z",
            "SUMMARY:Game day monthly",
            "UID:monthly-20260602t0900.shop@firedrill.dev",
            "END:VEVENT",
        ];
        let lines: Vec<&str> = calendar.split("\r\n").collect();
        assert_eq!(lines[..first.len()], first);
        let count = |text: &str| lines.iter().filter(|line| line.starts_with(text)).count();
        assert_eq!((fires.len(), count("UID:"), count("UID:monthly-20270105")), (8, 7, 0));
        let later = of(&plan, &fires, moment("2026-06-01T12:00:00Z"));
        let uids = |calendar: &str| {
            let uids = calendar.lines().filter(|line| line.starts_with("UID:")).map(str::to_owned);
            uids.collect::<Vec<_>>()
        };
        assert_eq!(uids(&calendar), uids(&later));
    }
}
