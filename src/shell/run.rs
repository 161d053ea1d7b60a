//! What serves runs alone: their loop, what they observe, and what is written of them.

pub mod alerts;
pub mod events;
pub mod lookout;
pub mod observe;
pub mod probes;
pub mod reconcile;
pub mod record;
pub mod registry;
pub mod surroundings;
pub mod turns;

use super::{Context, Error, call, objects, watched};
