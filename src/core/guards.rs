//! The guards: each says with numbers whether a run may break something, and what to do if not.

pub mod abort;
mod alerts;
pub mod blast_radius;
pub mod probes;
pub mod selection;

use crate::{
    api::{
        Duration, Moment,
        run::{Guard, GuardResult},
    },
    config::Config,
    core::{
        alerts::AlertFilter,
        cluster::{ClusterState, Intent, Namespace, Rival, Target},
        signals::Signals,
    },
    faults::{
        self, Means,
        taking::{Amount, Method},
    },
};
use blast_radius::BlastRadius;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Everything that guards look at.
#[derive(Clone, Copy, Debug)]
pub struct GuardInput<'a> {
    /// The present instant.
    pub now: Moment,
    /// UID of the run.
    pub uid: &'a str,
    /// The plan and how alerts are judged.
    pub alert_filter: AlertFilter<'a>,
    /// The operator's configuration.
    pub config: &'a Config,
    /// Whether the operator runs inside the cluster, where Services can be reached.
    pub inside: bool,
    /// Whether the namespace is the operator's own or protected by the configuration.
    pub protected: bool,
    /// The live reads.
    pub cluster: &'a ClusterState,
    /// What was seen so far.
    pub signals: &'a Signals,
    /// The round of a repeated fault, from 1 on.
    pub round: i32,
}

/// The guards in the order in which people read them, and what would be broken.
#[must_use]
pub fn judge(input: &GuardInput<'_>) -> (Vec<GuardResult>, BlastRadius) {
    let blast_radius = blast_radius::estimate(
        &input.alert_filter.plan.spec,
        input.cluster,
        input.uid,
        input.round,
    );
    let mut results = vec![
        enabled(input),
        not_protected(input),
        lever(input),
        caps(input, &blast_radius),
        target_found(input, &blast_radius),
        min_ready(input, &blast_radius),
        max_unavailable(input, &blast_radius),
        disruption_budget(input, &blast_radius),
        no_rollout(input),
        target_free(input),
        concurrency(input),
        probes::steady(input),
        alerts::quiet(input),
    ];
    results.extend(probes::services_found(input));
    results.extend(intended(input.cluster));
    results.extend(reaper(input.cluster));
    results.extend(alerts::abort_conditions(input));
    (results, blast_radius)
}

/// The guards that a later round of a repeated fault must pass again.
#[must_use]
pub fn judge_round(input: &GuardInput<'_>) -> (Vec<GuardResult>, BlastRadius) {
    let (results, blast_radius) = judge(input);
    let again = |result: &GuardResult| {
        matches!(
            result.name,
            Guard::Enabled
                | Guard::NotProtected
                | Guard::Lever
                | Guard::GameDay
                | Guard::Debrief
                | Guard::TargetFound
                | Guard::MinReady
                | Guard::MaxUnavailable
                | Guard::DisruptionBudget
        )
    };
    (results.into_iter().filter(again).collect(), blast_radius)
}

/// The first guard that refuses for good, else the first that waiting can open.
#[must_use]
pub fn first_closed(results: &[GuardResult]) -> Option<&GuardResult> {
    let closed = || results.iter().filter(|result| !result.passed);
    closed().find(|result| !result.name.opens_with_time()).or_else(|| closed().next())
}

/// Whether probes and alert sources alone keep the run waiting, which answer by themselves: whatever else closes a
/// guard is seen to be over by reading the cluster again, the pods that Steady counts among it.
#[must_use]
pub fn wait_for_signals(input: &GuardInput<'_>, results: &[GuardResult]) -> bool {
    let answers = |guard| matches!(guard, Guard::Steady | Guard::AlertsQuiet);
    let mut closed = results.iter().filter(|result| !result.passed).peekable();
    closed.peek().is_some()
        && closed.all(|result| answers(result.name))
        && probes::not_ready(input).is_none()
}

fn result(name: Guard, refusal: Option<String>, passed: impl FnOnce() -> String) -> GuardResult {
    let (passed, detail) = refusal.map_or_else(|| (true, passed()), |refusal| (false, refusal));
    GuardResult { name, passed, detail }
}

fn enabled(input: &GuardInput<'_>) -> GuardResult {
    let namespace = input.alert_filter.namespace;
    let refusal = match &input.cluster.namespace {
        Namespace::Unreadable(error) => {
            Some(format!("namespace {namespace} cannot be read: {error}"))
        }
        Namespace::Found { terminating: true, .. } => {
            Some(format!("namespace {namespace} is being deleted"))
        }
        Namespace::Found { enabled: false, .. } if input.config.opt_in => {
            Some(format!("namespace {namespace} has not opted in: firedrill enable {namespace}"))
        }
        Namespace::Found { .. } => None,
    };
    result(Guard::Enabled, refusal, || "namespace opted in".to_owned())
}

fn not_protected(input: &GuardInput<'_>) -> GuardResult {
    let labelled = matches!(input.cluster.namespace, Namespace::Found { protected: true, .. });
    let refusal = if labelled {
        Some("the namespace carries firedrill.dev/protected=true".to_owned())
    } else {
        input.protected.then(|| "the operator's configuration protects the namespace".to_owned())
    };
    result(Guard::NotProtected, refusal, || "namespace not protected".to_owned())
}

fn lever(input: &GuardInput<'_>) -> GuardResult {
    let refusal = input.cluster.lever.refusal();
    result(Guard::Lever, refusal.map(|why| format!("{why}; firedrill resume releases it")), || {
        "lever not engaged".to_owned()
    })
}

fn caps(input: &GuardInput<'_>, blast_radius: &BlastRadius) -> GuardResult {
    let (caps, spec) = (&input.config.caps, &input.alert_filter.plan.spec);
    let count = usize::try_from(caps.count).unwrap_or(0);
    let wanted = blast_radius.taken;
    let percent = match faults::behaviour(&spec.fault).means.taking().map(|taking| taking.amount) {
        Some(Amount::Percent(percent)) => percent,
        Some(Amount::Count(_)) => 0,
        None => percent_of(wanted, desired(input)),
    };
    let refusal = if wanted > count {
        Some(format!("{wanted} pods, the operator allows {count} (caps.count)"))
    } else if percent > caps.percent {
        Some(format!("{percent}%, the operator allows {}% (caps.percent)", caps.percent))
    } else if spec.duration > caps.duration {
        Some(format!("{}, the operator allows {} (caps.duration)", spec.duration, caps.duration))
    } else {
        probes::over(probes::Rate::of(input.signals.sampled()), caps.probes_per_second)
    };
    result(Guard::Caps, refusal, || {
        format!("{wanted} of at most {count} pods, {} of at most {}", spec.duration, caps.duration)
    })
}

fn percent_of(part: usize, whole: usize) -> i32 {
    i32::try_from((part * 100).div_ceil(whole.max(1))).unwrap_or(i32::MAX)
}

/// How many pods the target should have.
fn desired(input: &GuardInput<'_>) -> usize {
    match &input.cluster.target {
        Target::Found { desired, .. } => usize::try_from(*desired).unwrap_or(0),
        Target::Missing | Target::Unreadable(_) => 0,
    }
}

fn target_found(input: &GuardInput<'_>, blast_radius: &BlastRadius) -> GuardResult {
    let wanted = blast_radius.taken;
    let target = &input.alert_filter.plan.spec.target;
    let pods = input.cluster.pods.iter().filter(|pod| !pod.ending).count();
    let refusal = match &input.cluster.target {
        Target::Missing => {
            Some(format!("there is no {target} in namespace {}", input.alert_filter.namespace))
        }
        Target::Unreadable(error) => Some(format!("{target} cannot be read: {error}")),
        Target::Found { .. } if pods == 0 => Some(format!("{target} has no running pods")),
        Target::Found { .. } if blast_radius.problem.is_some() => blast_radius.problem.clone(),
        Target::Found { .. } if blast_radius.victims.is_empty() && wanted == 0 => Some(format!(
            "the percentage of {pods} pods rounds down to 0; choose a larger one or a count"
        )),
        Target::Found { .. } if wanted > pods => {
            Some(format!("{wanted} pods are to be taken, {target} has {pods}"))
        }
        Target::Found { .. } => None,
    };
    result(Guard::TargetFound, refusal, || format!("{target} has {pods} pods"))
}

fn min_ready(input: &GuardInput<'_>, blast_radius: &BlastRadius) -> GuardResult {
    let needed = usize::try_from(input.alert_filter.plan.spec.guards.min_ready).unwrap_or(0);
    let left = blast_radius.left;
    let why = blast_radius.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let refusal = (blast_radius.problem.is_none() && left < needed).then(|| {
        format!("needs {needed}, would leave {left}{why}. Set guards.minReady: {left} to allow it")
    });
    result(Guard::MinReady, refusal, || format!("leaves {left} ready pods of at least {needed}"))
}

fn max_unavailable(input: &GuardInput<'_>, blast_radius: &BlastRadius) -> GuardResult {
    let desired = desired(input);
    let unavailable = desired.saturating_sub(blast_radius.left);
    let limit =
        input.alert_filter.plan.spec.guards.max_unavailable.as_ref().map(|limit| match limit {
            IntOrString::Int(count) => usize::try_from(*count).unwrap_or(0),
            IntOrString::String(text) => match text.strip_suffix('%') {
                Some(percent) => desired * percent.parse::<usize>().unwrap_or(0) / 100,
                None => text.parse().unwrap_or(0),
            },
        });
    let over = |limit: &usize| blast_radius.problem.is_none() && unavailable > *limit;
    let refusal = limit.filter(over).map(|limit| {
        format!("allows {limit} of {desired} pods to be unavailable, {unavailable} would be")
    });
    result(Guard::MaxUnavailable, refusal, || match limit {
        Some(limit) => format!("{unavailable} of {desired} pods unavailable, at most {limit}"),
        None => format!("{unavailable} of {desired} pods unavailable, no limit set"),
    })
}

fn disruption_budget(input: &GuardInput<'_>, blast_radius: &BlastRadius) -> GuardResult {
    let method = match faults::behaviour(&input.alert_filter.plan.spec.fault).means {
        Means::Take(taking) => taking.method,
        Means::Arm(_) => {
            let said = || "a change of fields asks no disruption budget".to_owned();
            return result(Guard::DisruptionBudget, None, said);
        }
    };
    let found = match &input.cluster.budgets {
        Ok(found) => found.as_slice(),
        Err(error) => {
            let refusal = format!("the disruption budgets cannot be listed: {error}");
            return result(Guard::DisruptionBudget, Some(refusal), String::new);
        }
    };
    let refusal = found.iter().find_map(|budget| {
        let taken =
            blast_radius.victims.iter().filter(|victim| budget.pods.contains(&victim.uid)).count();
        let allowed = usize::try_from(budget.allowed).unwrap_or(0);
        (method == Method::Evict && taken > allowed).then(|| {
            format!("budget {} allows {allowed} evictions now, {taken} are needed", budget.name)
        })
    });
    let budgets = found.iter().filter(|budget| !budget.pods.is_empty()).count();
    result(Guard::DisruptionBudget, refusal, || match (method, budgets) {
        (Method::Delete, _) => "method Delete asks no disruption budget".to_owned(),
        (Method::Evict, 0) if blast_radius.victims.len() == 1 => {
            "the API server asks the disruption budgets at the eviction".to_owned()
        }
        (Method::Evict, 0) => "no disruption budget protects the target".to_owned(),
        (Method::Evict, _) => format!("{budgets} disruption budgets allow it"),
    })
}

fn no_rollout(input: &GuardInput<'_>) -> GuardResult {
    let refusal = match &input.cluster.target {
        Target::Found { rollout, .. } => rollout.clone(),
        _ => None,
    };
    result(Guard::NoRollout, refusal, || "no rollout under way".to_owned())
}

/// The runs that have journaled one of the same workloads and are not over.
#[must_use]
pub fn holders<'a>(input: &GuardInput<'a>) -> Vec<&'a Rival> {
    let own: Vec<&str> =
        input.cluster.workloads.iter().map(|workload| workload.uid.as_str()).collect();
    let shares = |rival: &&Rival| rival.workloads.iter().any(|uid| own.contains(&uid.as_str()));
    input.cluster.rivals.iter().filter(|rival| rival.uid != input.uid).filter(shares).collect()
}

fn target_free(input: &GuardInput<'_>) -> GuardResult {
    let rival =
        holders(input).first().map(|rival| format!("run {} has the same target", rival.name));
    let armed =
        input.cluster.object().and_then(crate::faults::Object::mark).filter(|mark| mark.armed);
    let refusal = rival.or_else(|| {
        armed.map(|mark| format!("the run with UID {} has changed the same object", mark.run))
    });
    result(Guard::TargetFree, refusal, || "no other run has this target".to_owned())
}

fn intended(cluster: &ClusterState) -> Option<GuardResult> {
    let (guard, intent) = cluster.intent.clone()?;
    let (refusal, passed) = match intent {
        Intent::Written(words) | Intent::Unsettled(words) => (None, words),
        Intent::Refused(why) => (Some(why), String::new()),
    };
    Some(result(guard, refusal, || passed))
}

/// How long a process counts as alive after it renewed its Lease.
pub const ALIVE: Duration = Duration::seconds(30);

/// A fault that must be reverted needs somebody who would do that if the operator could not.
fn reaper(cluster: &ClusterState) -> Option<GuardResult> {
    let seen = cluster.fault_reads.as_ref()?.reaper_seen;
    // As of the look: while other guards are waited for, nobody looks at the Lease again.
    Some(result(Guard::Reaper, no_reaper(seen, cluster.read_at), || {
        "a reaper lives that would end the fault if the operator could not".to_owned()
    }))
}

/// Why there is no reaper at `now`, if it was last heard of then, and what to do.
#[must_use]
pub fn no_reaper(seen: Option<Moment>, now: Moment) -> Option<String> {
    let why = match seen.map(|seen| Duration::between(seen, now)) {
        None => "no reaper was ever seen here".to_owned(),
        Some(age) if age > ALIVE => format!("the reaper was last seen {} ago", round(age)),
        Some(_) => return None,
    };
    Some(format!("{why}: start one with `firedrill reaper`; the chart installs it"))
}

fn concurrency(input: &GuardInput<'_>) -> GuardResult {
    let running = input.cluster.rivals.iter().filter(|rival| rival.uid != input.uid).count();
    let limit = usize::try_from(input.config.caps.concurrency).unwrap_or(0);
    let refusal = (running >= limit).then(|| {
        format!("{running} runs are under way, the operator allows {limit} (caps.concurrency)")
    });
    let refusal = refusal.or_else(|| input.signals.withheld.clone());
    result(Guard::Concurrency, refusal, || {
        format!("{running} other runs under way of at most {limit}")
    })
}

fn round(duration: Duration) -> Duration {
    Duration::millis(u64::try_from(duration.std().as_millis() / 100 * 100).unwrap_or(0))
}

#[cfg(test)]
mod examples;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        cluster::{
            FaultReads,
            tests::{cluster, fault_reads},
        },
        signals::pods::tests::at,
    };

    #[test]
    fn a_reaper_lives_when_it_was_heard_of_half_a_minute_before_the_look() {
        let passes = |seen: Option<f64>| {
            let reads = FaultReads { reaper_seen: seen.map(at), ..fault_reads() };
            let cluster = ClusterState { read_at: at(40.0), fault_reads: Some(reads), ..cluster() };
            reaper(&cluster).unwrap().passed
        };
        assert!(passes(Some(10.0)));
        assert!(!passes(Some(9.0)) && !passes(None));
    }
}
