//! People's part of a debrief as Markdown to edit, and back without loss. Evidence and status are never in it.

mod cost;
mod outline;
mod parse;
mod people;
mod print;
mod text;
mod word;

pub use cost::cost;
pub use outline::Problem;
pub use parse::parse;
pub use people::People;
pub use print::print;
pub use word::word;
