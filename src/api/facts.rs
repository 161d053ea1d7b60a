//! What the API server holds the facts in a status to, whichever resource they are about.

use kube::core::Rule;

/// Refuses a status in which a fact that was there is changed or missing. It belongs at the root of the CRD:
/// the API server skips a rule on a field, or on its parent, when the field or the parent is removed.
#[must_use]
pub fn written_once() -> Rule {
    let kept = "oldSelf.status.facts.all(f, self.status.facts.exists(g, g == f))";
    Rule::new(format!(
        "!has(oldSelf.status) || !has(oldSelf.status.facts) || (has(self.status) && has(self.status.facts) && {kept})"
    ))
    .message("facts are written once and never changed or removed")
    .field_path(".status.facts")
}
