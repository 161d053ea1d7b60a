//! The debrief: when one opens, that each of its numbers is the run's, how it reads, and that it is
//! there exactly once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "debrief/calendar.rs"]
mod calendar;
#[path = "debrief/carrying.rs"]
mod carrying;
#[path = "debrief/editing.rs"]
mod editing;
#[path = "debrief/hostile.rs"]
mod hostile;
#[path = "debrief/learned.rs"]
mod learned;
#[path = "debrief/listing.rs"]
mod listing;
#[path = "debrief/numbers.rs"]
mod numbers;
#[path = "debrief/opening.rs"]
mod opening;
#[path = "debrief/page.rs"]
mod page;
#[path = "debrief/proving.rs"]
mod proving;
#[path = "debrief/recording.rs"]
mod recording;
#[path = "debrief/reminding.rs"]
mod reminding;
#[path = "debrief/runs.rs"]
mod runs;
#[path = "debrief/scheduling.rs"]
mod scheduling;
#[path = "debrief/server.rs"]
mod server;
#[path = "debrief/silent.rs"]
mod silent;
#[path = "debrief/steps.rs"]
mod steps;
#[path = "debrief/versions.rs"]
mod versions;
