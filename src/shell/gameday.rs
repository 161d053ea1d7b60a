//! Game days: one controller over the plans, which creates days, and one over the days, which looks at gates, starts
//! steps, tells people and reports. No run and no day is created but as `firedrill-starter` of the namespace.

mod announce;
mod create;
pub mod days;
mod earlier;
pub mod plans;
mod reads;

/// No plan and no day needs more steps than this in one go.
const STEPS_MAX: usize = 64;
/// How many are looked at side by side.
const AT_ONCE: u16 = 8;
/// After an error it is looked again so soon.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);
