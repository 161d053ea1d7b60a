//! The learning record: when one opens, what it says, and how it reads.
