//! What ending a fault takes beside restoring its fields: what a rollout leaves behind, what nobody else ends, and in
//! which order.

pub mod leftovers;
pub mod reaping;
pub mod turns;
