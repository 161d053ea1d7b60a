//! firedrill: rehearse failure, measure the response, learn once.
//!
//! `api` are the resources, `core` judges, `faults` and `detectors` say what to send and how to read
//! answers, `debrief` writes the record; only `shell` talks to the world, and `cli` to people.

pub mod api;
pub mod cli;
pub mod config;
pub mod core;
pub mod debrief;
pub mod detectors;
pub mod faults;
pub mod metrics;
pub mod shell;
