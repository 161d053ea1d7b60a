//! What must change, as people decided it: one line each.

use super::{
    super::{
        clock::Clock,
        markdown::{Table, text},
    },
    prose::entry,
};
use crate::api::{
    DebriefSpec, DebriefStatus,
    debrief::{ActionItem, ItemState, ItemStatus, Objective, Steps},
};

/// The items; absent where there are none.
pub fn section(spec: &DebriefSpec, status: &DebriefStatus, clock: &Clock) -> Option<String> {
    let mut table = Table::new(["Item", "Turns to yes", "Type", "Owner", "Due", "State"]);
    for item in &spec.action_items {
        let known = status.items.iter().find(|known| known.id == item.id);
        let turns: Vec<_> = item.turns_yes.iter().map(Objective::to_string).collect();
        table.row([
            title(item),
            if turns.is_empty() { "–".to_owned() } else { turns.join(", ") },
            item.type_.to_string(),
            text(&item.owner_team),
            due(item, known, clock),
            state(item, known, clock),
        ]);
    }
    table.has_rows().then(|| table.print())
}

fn title(item: &ActionItem) -> String {
    let ticket = item.ticket.as_ref().map(|ticket| format!(" ({})", text(ticket.trim())));
    format!("{} {}{}", text(&item.id), entry(&item.title), ticket.unwrap_or_default())
}

/// The date, and the first one where it was moved.
fn due(item: &ActionItem, known: Option<&ItemStatus>, clock: &Clock) -> String {
    let first = known.and_then(|known| known.first_due);
    let Some(due) = item.due_at.or(first) else { return "–".to_owned() };
    match first.filter(|first| *first != due) {
        Some(first) => format!("{}, at first {}", clock.day(due), clock.day(first)),
        None => clock.day(due),
    }
}

fn state(item: &ActionItem, known: Option<&ItemStatus>, clock: &Clock) -> String {
    match item.state {
        ItemState::Open => match item.steps.and_then(next_step) {
            Some(step) => format!("Open, next: {step}"),
            None => "Open".to_owned(),
        },
        ItemState::Done => match known.and_then(|known| known.done_at) {
            Some(at) => format!("Done {}", clock.day(at)),
            None => "Done".to_owned(),
        },
        ItemState::Dropped => {
            let reason = item.drop_reason.as_deref().unwrap_or_default();
            format!("Dropped: {}", entry(reason))
        }
    }
}

const fn next_step(steps: Steps) -> Option<&'static str> {
    match (steps.add, steps.verify, steps.subtract) {
        (false, ..) => Some("the new beside the old"),
        (_, false, _) => Some("show that the new works"),
        (.., false) => Some("take the old away"),
        _ => None,
    }
}
