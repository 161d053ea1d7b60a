//! Values that are stood for by small numbers.

use std::{collections::HashMap, fmt::Debug, num::NonZeroU16};

/// The number of a value in its table.
pub type Id = NonZeroU16;

/// Values, each kept once.
pub struct Table<T> {
    values: Vec<T>,
    ids: HashMap<String, Id>,
}

impl<T: Debug> Table<T> {
    pub fn new() -> Self {
        Self { values: Vec::new(), ids: HashMap::new() }
    }

    pub fn id(&mut self, value: T) -> Id {
        let next = self.values.len() + 1;
        *self.ids.entry(format!("{value:?}")).or_insert_with(|| {
            self.values.push(value);
            u16::try_from(next).ok().and_then(Id::new).expect("a model has few different values")
        })
    }

    pub fn get(&self, id: Id) -> &T {
        &self.values[usize::from(id.get()) - 1]
    }
}
