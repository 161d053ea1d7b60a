//! `firedrill debrief resolved`, `impact`, `held` and `checkpoint`: what people say of it before, at and after the meeting.

use super::change::{Seen, change};
use crate::{
    api::{
        Moment,
        debrief::{Checkpoint, Cost, PeopleImpact},
    },
    cli::{connect::Cluster, exit::Failure},
    core::words::count,
    debrief::{edit::cost, stage},
};

/// Arguments of `firedrill debrief resolved`.
#[derive(Debug, clap::Args)]
pub struct ResolvedArgs {
    /// Name of the debrief.
    name: String,
    /// When: 2026-12-01 10:00 by the debrief's time zone, 2026-12-01T10:00:00Z, or -2h; default now.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
}

/// Arguments of `firedrill debrief impact`.
#[derive(Debug, clap::Args)]
pub struct ImpactArgs {
    /// Name of the debrief.
    name: String,
    /// Nobody noticed anything.
    #[arg(long, conflicts_with_all = ["narrative", "customers", "complaints", "cost"])]
    none: bool,
    /// What it was like, in a few sentences.
    #[arg(long, value_name = "TEXT")]
    narrative: Option<String>,
    /// How many customers were affected.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    customers: Option<i64>,
    /// How many complained.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    complaints: Option<i64>,
    /// What it cost, in whole units with the currency, such as 6900EUR.
    #[arg(long, value_name = "AMOUNT", value_parser = cost)]
    cost: Option<Cost>,
}

/// Arguments of `firedrill debrief held`.
#[derive(Debug, clap::Args)]
pub struct HeldArgs {
    /// Name of the debrief.
    name: String,
    /// When: 2026-12-01 10:00 by the debrief's time zone, 2026-12-01T10:00:00Z, or -2h; default now.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    /// Who has led it; a role, not a name.
    #[arg(long, value_name = "ROLE")]
    facilitator: Option<String>,
}

/// Arguments of `firedrill debrief checkpoint`.
#[derive(Debug, clap::Args)]
pub struct CheckpointArgs {
    /// Name of the debrief.
    name: String,
    /// When: 2026-12-01 10:00 by the debrief's time zone, 2026-12-01T10:00:00Z, or -2h; default now.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    /// What was said.
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
}

/// Says when the service was completely back.
pub async fn resolved(
    cluster: &Cluster,
    args: &ResolvedArgs,
    now: Moment,
) -> Result<String, Failure> {
    change(cluster, &args.name, now, |seen, spec| {
        if let Some(back) = stage::measured_end(spec) {
            return Err(Failure::invalid(format!(
                "the run has measured that the service was back at {}, and that counts; if it was not, say so: \
                 firedrill debrief amend {} --text …",
                seen.shown(back),
                args.name
            )));
        }
        let at = seen.past("--at", args.at.as_deref())?;
        let began = stage::began(spec).filter(|began| at < *began);
        if let Some(began) = began {
            return Err(Failure::invalid(format!(
                "--at: {} is before it began at {}",
                seen.shown(at),
                seen.shown(began)
            )));
        }
        spec.resolved_at = Some(at);
        Ok(format!("the service was completely back {}", seen.shown(at)))
    })
    .await
}

/// Says what it meant for people.
pub async fn impact(cluster: &Cluster, args: &ImpactArgs, now: Moment) -> Result<String, Failure> {
    change(cluster, &args.name, now, |_, spec| {
        if args.none {
            spec.impact = Some(PeopleImpact { none: true, ..PeopleImpact::default() });
            return Ok("nobody noticed anything".to_owned());
        }
        let known = spec.impact.take().filter(|impact| !impact.none).unwrap_or_default();
        let impact = PeopleImpact {
            none: false,
            narrative: args.narrative.clone().or(known.narrative),
            customers_affected: args.customers.or(known.customers_affected),
            complaints: args.complaints.or(known.complaints),
            estimated_cost: args.cost.clone().or(known.estimated_cost),
        };
        if impact == PeopleImpact::default() {
            return Err(Failure::invalid(
                "say what it meant: --narrative, --customers, --complaints, --cost; or --none where nobody noticed",
            ));
        }
        let said = told(&impact);
        spec.impact = Some(impact);
        Ok(format!("what it meant for people is written: {said}"))
    })
    .await
}

fn told(impact: &PeopleImpact) -> String {
    let parts = [
        impact.narrative.as_ref().map(|_| "a narrative".to_owned()),
        impact.customers_affected.map(|number| count(number, "customer")),
        impact.complaints.map(|number| count(number, "complaint")),
        impact.estimated_cost.as_ref().map(|cost| format!("{} {}", cost.amount, cost.currency)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Says that the meeting was held.
pub async fn held(cluster: &Cluster, args: &HeldArgs, now: Moment) -> Result<String, Failure> {
    change(cluster, &args.name, now, |seen, spec| {
        let at = seen.past("--at", args.at.as_deref())?;
        let resolved = stage::resolved(spec, seen.now).filter(|resolved| at < *resolved);
        if let Some(resolved) = resolved {
            return Err(Failure::invalid(format!(
                "--at: {} is before {} at {}, so it would not count",
                seen.shown(at),
                stage::what_was_over(spec, seen.now),
                seen.shown(resolved)
            )));
        }
        let meeting = spec.meeting.get_or_insert_default();
        meeting.held_at = Some(at);
        meeting.facilitator = args.facilitator.clone().or_else(|| meeting.facilitator.take());
        Ok(format!("the meeting was held {}", seen.shown(at)))
    })
    .await
}

/// Says that a checkpoint was held.
pub async fn checkpoint(
    cluster: &Cluster,
    args: &CheckpointArgs,
    now: Moment,
) -> Result<String, Failure> {
    change(cluster, &args.name, now, |seen: &Seen, spec| {
        let at = seen.past("--at", args.at.as_deref())?;
        spec.checkpoints.push(Checkpoint { held_at: at, notes: args.notes.clone() });
        Ok(format!("a checkpoint was held {}", seen.shown(at)))
    })
    .await
}
