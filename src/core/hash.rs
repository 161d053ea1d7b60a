//! Short names for values: equal values have equal hashes, on every machine.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The first 16 hexadecimal digits of the SHA-256 of the value's JSON with sorted keys.
///
/// A value that cannot be written as JSON hashes like `null`; no type of ours is one.
#[must_use]
pub fn short(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    digest(json.to_string().as_bytes())
}

/// The first 16 hexadecimal digits of the SHA-256 of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let (first, _) = digest.split_at(8);
    format!("{:016x}", first.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte)))
}
