//! The learning record: when one opens, what it says, and how it reads.
//!
//! Everything here is a function from values to values: what the cluster tells is read by
//! `shell::leadup`, and what is decided here is written by `shell::debrief`.

pub mod clock;
pub mod decide;
pub mod edit;
mod evidence;
pub mod gameday;
pub mod leadup;
mod markdown;
mod open;
mod phrase;
pub mod proof;
pub mod remind;
mod render;
pub mod stage;
mod title;

pub use leadup::LeadUp;
pub use markdown::plain;
pub use open::{Opening, fingerprint, has, joins, next_number, open, to_join};
pub use phrase::summary_line;
pub use render::render;
pub use stage::{has_ended, is_open, is_outdated};
