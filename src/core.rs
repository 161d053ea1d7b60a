//! The rules: synchronous functions from what was seen to one thing to do.
//!
//! Nothing here reads a clock, draws a random number or talks to anybody.

pub mod alerts;
pub mod calendar;
pub mod cluster;
pub mod decide;
pub mod gameday;
pub mod guards;
pub mod hash;
pub mod line;
pub mod nearest;
pub mod outcome;
pub mod plan;
pub mod revert;
pub mod signals;
pub mod span;
pub mod stage;
pub mod undelivered;
pub mod words;
