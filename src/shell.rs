//! The only part that talks to the world: it observes, asks `core` what to do, does it, records it.

pub mod call;
pub mod clients;
pub mod clock;
pub mod context;
pub mod controller;
pub mod debrief;
pub mod experiments;
pub mod guarded;
pub mod leadup;
pub mod lease;
pub mod list;
pub mod net;
pub mod objects;
pub mod operator;
pub mod perform;
pub mod port;
pub mod reader;
pub mod ready;
pub mod reaper;
pub mod record;
pub mod revisions;
pub mod run;
pub mod shared;
pub mod sources;
pub mod warnings;
pub mod watched;
