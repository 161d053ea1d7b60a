//! What the meeting found: systems and processes, never people.

use super::{
    super::markdown::paragraph,
    prose::{entry, prose},
};
use crate::api::debrief::{FactorCategory, Findings};

/// What made it possible, and why that was a surprise.
pub fn causes(findings: &Findings) -> Option<String> {
    let factors = (1..).zip(&findings.contributing_factors).map(|(number, factor)| {
        format!("{number}. *{}*: {}", kind(factor.category), entry(&factor.text))
    });
    let factors: Vec<_> = factors.collect();
    let factors = (!factors.is_empty()).then(|| factors.join("\n"));
    let surprise = findings.why_surprised.as_deref().map(|why| match why.trim().split_once('\n') {
        Some((first, rest)) => format!("{}\n\n{}", surprised(first), prose(rest)),
        None => surprised(why),
    });
    let parts: Vec<_> = factors.into_iter().chain(surprise).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n").trim_end().to_owned())
}

fn surprised(first: &str) -> String {
    paragraph(&format!("**Why were we surprised?** {}", entry(first)))
}

const fn kind(category: FactorCategory) -> &'static str {
    match category {
        FactorCategory::CodeChange => "Change of code",
        FactorCategory::ConfigChange => "Change of configuration",
        FactorCategory::ThirdParty => "Third party",
        FactorCategory::Infrastructure => "Infrastructure",
        FactorCategory::Capacity => "Capacity",
        FactorCategory::Process => "Process",
        FactorCategory::Tooling => "Tooling",
        FactorCategory::Documentation => "Documentation",
        FactorCategory::Observability => "Observability",
    }
}
