//! The rules: synchronous functions from what was seen to one thing to do.
//!
//! Nothing here reads a clock, draws a random number or talks to anybody.

pub mod abort;
pub mod absence;
pub mod aim;
pub mod alarms;
pub mod attribution;
pub mod changes;
pub mod conditions;
pub mod decide;
pub mod document;
pub mod guards;
pub mod hash;
pub mod hint;
pub mod ledger;
pub mod leftovers;
pub mod matcher;
pub mod measure;
pub mod nearest;
pub mod pace;
pub mod plan;
pub mod pods;
pub mod reach;
pub mod reaping;
pub mod rules;
pub mod schema;
pub mod selection;
pub mod series;
pub mod sight;
pub mod span;
pub mod stage;
pub mod summary;
pub mod verdict;
pub mod words;
pub mod world;
