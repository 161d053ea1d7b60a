//! Versions of the debrief, which are stood for by numbers.

use std::{fmt::Debug, hash::Hasher, num::NonZeroU32};

use super::mixer::{Memo, Mixer};

/// The number of a value in its table.
pub type Id = NonZeroU32;

/// Values, each kept once, and known again by a hash of their text: the text itself would not fit the memory.
pub struct Table<T> {
    values: Vec<T>,
    ids: Memo<u64, Id>,
}

impl<T: Debug> Table<T> {
    pub fn new() -> Self {
        Self { values: Vec::new(), ids: Memo::default() }
    }

    pub fn id(&mut self, value: T) -> Id {
        let mut mixer = Mixer::default();
        mixer.write(format!("{value:?}").as_bytes());
        let next = self.values.len() + 1;
        *self.ids.entry(mixer.finish()).or_insert_with(|| {
            self.values.push(value);
            u32::try_from(next).ok().and_then(Id::new).unwrap()
        })
    }

    pub fn get(&self, id: Id) -> &T {
        &self.values[usize::try_from(id.get()).unwrap() - 1]
    }
}
