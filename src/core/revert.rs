//! What ending a fault takes beside restoring its fields: what a rollout leaves behind, and what nobody else ends.

pub mod leftovers;
pub mod reaping;
