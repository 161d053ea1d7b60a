//! The rules: synchronous functions from what was seen to one thing to do.
//!
//! Nothing here reads a clock, draws a random number or talks to anybody.
