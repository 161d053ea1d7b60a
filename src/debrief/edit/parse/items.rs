//! The items.

use super::{
    super::{outline::Problem, text::meant, word},
    Chapter, Fields, Reading,
};
use crate::api::debrief::{ActionItem, ItemState, Objective, Steps};

const KEYS: [&str; 9] =
    ["turnsYes", "type", "horizon", "ownerTeam", "dueAt", "state", "dropReason", "steps", "ticket"];

impl Reading<'_> {
    /// The items, each with a name of its own.
    pub fn items(&mut self, (head, below): Chapter<'_>) -> Vec<ActionItem> {
        head.nothing(&mut self.problems);
        let mut items: Vec<ActionItem> = Vec::new();
        for section in below {
            let (id, title) = section.heading.split_once(':').unwrap_or((section.heading, ""));
            let (id, title) = (id.trim(), title.trim());
            if let Err(why) = is_new(id, title, &items) {
                self.problems.push(Problem { line: section.line, message: why });
                continue;
            }
            let mut fields = Fields::of(section, &KEYS, self);
            let turns_yes = fields.read("turnsYes", objectives).unwrap_or_default();
            let type_ = fields.required("type", word);
            let horizon = fields.required("horizon", word);
            let owner_team = fields.required("ownerTeam", |text| Ok(text.to_owned()));
            let (due_at, state) = (fields.instant("dueAt"), fields.read("state", word));
            let drop_reason = fields.text("dropReason");
            let (steps, ticket) = (fields.read("steps", steps), fields.text("ticket"));
            let (Some(type_), Some(horizon), Some(owner_team)) = (type_, horizon, owner_team)
            else {
                continue;
            };
            items.push(ActionItem {
                id: id.to_owned(),
                title: meant(title),
                turns_yes,
                type_,
                horizon,
                owner_team,
                due_at,
                state: state.unwrap_or(ItemState::Open),
                drop_reason,
                steps,
                ticket,
            });
        }
        items
    }
}

fn is_new(id: &str, title: &str, items: &[ActionItem]) -> Result<(), String> {
    let is_name = !id.is_empty()
        && id.len() <= 16
        && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !is_name || title.is_empty() {
        return Err(format!(
            "\"{}\" is no item; write ### a1: What is to change (its name: lower-case letters, digits and -)",
            id.escape_debug()
        ));
    }
    if items.iter().any(|item| item.id == id) {
        return Err(format!("there are two items {id}; give this one another name"));
    }
    Ok(())
}

fn objectives(text: &str) -> Result<Vec<Objective>, String> {
    text.split(',').map(word).collect()
}

fn steps(text: &str) -> Result<Steps, String> {
    let mut steps = Steps::default();
    for step in text.split(',').map(str::trim) {
        match step {
            "none" => {}
            "add" => steps.add = true,
            "verify" => steps.verify = true,
            "subtract" => steps.subtract = true,
            other => {
                let other = other.escape_debug();
                return Err(format!("\"{other}\" is not one of none, add, verify, subtract"));
            }
        }
    }
    Ok(steps)
}
