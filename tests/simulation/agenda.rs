//! What will happen in the world, in order of time; ties are broken by chance, not by who came first.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::Notify;

use super::world::World;

type Task = Box<dyn FnOnce(&mut World) + Send>;

/// Everything that is still to happen.
#[derive(Default)]
pub struct Agenda {
    tasks: BTreeMap<(u64, u64, u64), Task>,
    added: u64,
    /// Heard by whoever waits for the next task.
    pub changed: Arc<Notify>,
}

impl Agenda {
    /// Puts down what happens at that millisecond; `rank` orders what happens in the same one.
    pub fn add(&mut self, millis: u64, rank: u64, task: impl FnOnce(&mut World) + Send + 'static) {
        if self.next().is_none_or(|next| millis < next) {
            self.changed.notify_one();
        }
        self.added += 1;
        self.tasks.insert((millis, rank, self.added), Box::new(task));
    }

    /// The millisecond at which something happens next.
    pub fn next(&self) -> Option<u64> {
        self.tasks.first_key_value().map(|((millis, ..), _)| *millis)
    }

    /// What is to happen now.
    pub fn due(&mut self, now: u64) -> Option<Task> {
        let first = self.tasks.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }
}
