//! How a run went: what was measured, what the answers are, and how they are told.

pub mod about;
pub mod absence;
pub mod attribution;
pub mod conditions;
pub mod history;
pub mod measure;
pub mod summary;
pub mod verdict;
