//! Every test that needs a real cluster, one module per suite; `make test` brings the cluster up and
//! says beside what each of them runs.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

mod aborts;
mod alone;
mod cli;
mod contract;
mod debriefs;
mod faults;
mod gamedays;
mod garbage;
mod guards;
mod leadup;
mod lever;
mod monitoring;
mod operators;
mod reaper;
mod refusals;
mod runs;
mod support;
mod targets;
mod tenancy;
mod validation;
