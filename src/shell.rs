//! The only part that talks to the world: it observes, asks `core` what to do, does it, records it.
