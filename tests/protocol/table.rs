//! Values that are stood for by small numbers, and what was worked out about them once.

use std::{
    collections::HashMap,
    fmt::Debug,
    hash::{BuildHasherDefault, Hasher},
    num::NonZeroU16,
};

/// The number of a value in its table.
pub type Id = NonZeroU16;

/// What was worked out once.
pub type Memo<K, V> = HashMap<K, V, BuildHasherDefault<Mixer>>;

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

/// A hash of 64 good bits that costs little.
#[derive(Default)]
pub struct Mixer(u64);

impl Mixer {
    const fn mix(&mut self, word: u64) {
        let mixed = (self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xd6e8_feb8_6659_fd93);
        self.0 = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mix(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(number.into());
    }

    fn write_u16(&mut self, number: u16) {
        self.mix(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.mix(number.cast_unsigned() as u64);
    }
}
