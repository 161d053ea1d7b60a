//! Seeded chance: every draw depends on the seed and on what it is about, never on the order of draws.

use std::hash::{DefaultHasher, Hash, Hasher};

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

/// The chance of one world.
#[derive(Clone, Copy)]
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number that stands for `about` in this world.
    pub fn number(self, about: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.0, about).hash(&mut hasher);
        hasher.finish()
    }

    /// The draws about `about`.
    pub fn about(self, about: impl Hash) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.number(about))
    }

    /// Whether something of this probability happens to `about`.
    pub fn chance(self, probability: f64, about: impl Hash) -> bool {
        self.about(about).random_bool(probability)
    }
}
