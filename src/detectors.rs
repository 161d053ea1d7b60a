//! The alert sources: what to ask, and what the answers mean.
//!
//! Reading is pure; the asking is `shell`'s.

pub mod alertmanager;
pub mod prometheus;
