//! Versions of the debrief, which are stood for by numbers, and what was worked out about them once.

use std::{
    collections::HashMap,
    fmt::Debug,
    hash::{BuildHasherDefault, Hasher},
    num::NonZeroU32,
};

/// The number of a value in its table.
pub type Id = NonZeroU32;

/// What was worked out once.
pub type Memo<K, V> = HashMap<K, V, BuildHasherDefault<Mixer>>;

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
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }
}
