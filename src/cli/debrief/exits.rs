//! `firedrill debrief accept`, `dismiss` and `amend`: the honest exits, and what was measured wrongly.

use super::change::{change, reason};
use crate::{
    api::{
        Moment,
        debrief::{AcceptedRisk, Amendment, Dismissal},
    },
    cli::{connect::Cluster, exit::Failure},
    debrief::{
        clock::length,
        stage::{REVIEW_DAYS, latest_review},
    },
};

/// A reason is at least so long.
const REASON: usize = 20;

/// Arguments of `firedrill debrief accept`.
#[derive(Debug, clap::Args)]
pub struct AcceptArgs {
    /// Name of the debrief.
    name: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    review: Review,
}

/// When the acceptance is looked at again: exactly one of an instant or a length.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Review {
    /// When that is looked at again, at most 90 days ahead: 2027-01-15 10:00.
    #[arg(long, value_name = "TIME")]
    review_at: Option<String>,
    /// The same by how far ahead: 30d.
    #[arg(long, value_name = "LENGTH")]
    review_in: Option<String>,
}

/// Arguments of `firedrill debrief dismiss`.
#[derive(Debug, clap::Args)]
pub struct DismissArgs {
    /// Name of the debrief.
    name: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Arguments of `firedrill debrief amend`.
#[derive(Debug, clap::Args)]
pub struct AmendArgs {
    /// Name of the debrief.
    name: String,
    /// What is so.
    #[arg(long, value_name = "TEXT")]
    text: String,
}

/// Accepts the risk until a review.
pub async fn accept(cluster: &Cluster, args: &AcceptArgs, now: Moment) -> Result<String, Failure> {
    let reason = reason(&args.reason, REASON)?;
    change(cluster, &args.name, now, |seen, spec| {
        let (flag, review_at) = match (&args.review.review_at, &args.review.review_in) {
            (Some(at), _) => ("--review-at", seen.instant("--review-at", at)?),
            (None, ahead) => {
                let ahead = ahead.as_deref().unwrap_or_default();
                let refuse = || {
                    Failure::invalid(format!(
                        "--review-in: {ahead:?} is no length of time; write one such as 30d"
                    ))
                };
                ("--review-in", now + length(ahead).ok_or_else(refuse)?)
            }
        };
        let latest = latest_review(now);
        if review_at <= now || review_at > latest {
            return Err(Failure::invalid(format!(
                "{flag}: a review is ahead, and at most {REVIEW_DAYS} days; {} is not; choose {} or before",
                seen.shown(review_at),
                seen.shown(latest)
            )));
        }
        spec.accepted_risk = Some(AcceptedRisk { reason: reason.clone(), review_at });
        Ok(format!("the risk is accepted until {}", seen.shown(review_at)))
    })
    .await
}

/// Says that there is nothing to learn.
pub async fn dismiss(
    cluster: &Cluster,
    args: &DismissArgs,
    now: Moment,
) -> Result<String, Failure> {
    let reason = reason(&args.reason, REASON)?;
    change(cluster, &args.name, now, |_, spec| {
        spec.dismissal = Some(Dismissal { reason: reason.clone() });
        Ok("it is dismissed".to_owned())
    })
    .await
}

/// Says what is wrong with what was measured.
pub async fn amend(cluster: &Cluster, args: &AmendArgs, now: Moment) -> Result<String, Failure> {
    if args.text.trim().is_empty() {
        return Err(Failure::invalid("--text: say what is so"));
    }
    change(cluster, &args.name, now, |_, spec| {
        spec.amendments.push(Amendment { at: now, text: args.text.clone() });
        Ok("what is so is written beside what was measured".to_owned())
    })
    .await
}
