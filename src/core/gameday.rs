//! Game days: when a plan fires, what is wrong with a plan, and what is to be done about a plan and a day.

pub mod cron;
pub mod day;
pub mod firing;
pub mod plan;
pub mod schedule;
