//! The guards about the steady state: whether its probes can be asked at all, how often they would be, and whether they
//! are good.

use std::{
    fmt,
    ops::{AddAssign, SubAssign},
};

use super::{GuardInput, GuardResult, result, round};
use crate::{
    api::{Duration, run::Guard},
    core::{
        cluster::{Target, reach},
        signals::series::Series,
    },
};

/// How many probes are sent in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    thousandths: u64,
}

impl Rate {
    /// What these send together.
    #[must_use]
    pub fn of<'a>(series: impl Iterator<Item = &'a Series>) -> Self {
        let thousandths = |series: &Series| {
            let interval = series.interval().std().as_micros().max(1);
            u64::try_from(1_000_000_000_u128.div_ceil(interval)).unwrap_or(u64::MAX)
        };
        Self { thousandths: series.map(thousandths).fold(0, u64::saturating_add) }
    }

    fn whole(probes: i32) -> Self {
        Self { thousandths: u64::try_from(probes).unwrap_or(0).saturating_mul(1000) }
    }
}

impl AddAssign for Rate {
    fn add_assign(&mut self, other: Self) {
        self.thousandths = self.thousandths.saturating_add(other.thousandths);
    }
}

impl SubAssign for Rate {
    fn sub_assign(&mut self, other: Self) {
        self.thousandths = self.thousandths.saturating_sub(other.thousandths);
    }
}

/// With one decimal, rounded up, where it is not whole.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.thousandths.div_ceil(100);
        match tenths % 10 {
            0 => write!(f, "{}", tenths / 10),
            tenth => write!(f, "{}.{tenth}", tenths / 10),
        }
    }
}

/// Why probes of that rate are never sent, which no waiting changes.
pub(super) fn over(own: Rate, limit: i32) -> Option<String> {
    (own > Rate::whole(limit)).then(|| {
        format!("its probes send {own} requests a second, the operator allows {limit} in a namespace (caps.probesPerSecond): lengthen their interval")
    })
}

/// Why probes of that rate are not sent beside those of other runs of the namespace.
#[must_use]
pub fn withheld(own: Rate, others: Rate, limit: i32) -> Option<String> {
    let mut sum = own;
    sum += others;
    (sum > Rate::whole(limit)).then(|| {
        format!("its probes send {own} requests a second and those of other runs of the namespace {others}, the operator allows {limit} (caps.probesPerSecond)")
    })
}

/// A Service that is not there, or lacks the port, is refused at once: no waiting changes that. Without
/// probes that ask Services there is nothing to find.
pub(super) fn services_found(input: &GuardInput<'_>) -> Option<GuardResult> {
    let probes: Vec<&Series> = input.signals.sampled().collect();
    let why = |series: &&Series| {
        series.unreachable.as_ref().map(|why| format!("probe {}: {why}", series.name))
    };
    (!probes.is_empty()).then(|| {
        result(Guard::ServicesFound, probes.iter().find_map(why), || {
            let found = probes.iter().filter(|series| series.address.is_some()).count();
            format!("{found} of {} probes have a Service with their port", probes.len())
        })
    })
}

pub(super) fn steady(input: &GuardInput<'_>) -> GuardResult {
    let needed = input.alert_filter.plan.spec.guards.steady_for;
    result(Guard::Steady, unsteady(input, needed), || {
        if input.signals.probes.is_empty() && needed > Duration::ZERO {
            "every pod is ready; there is no probe by which to see for how long".to_owned()
        } else {
            format!("steady for {needed}")
        }
    })
}

/// Why the steady state does not hold, in the words of its probes.
fn unsteady(input: &GuardInput<'_>, needed: Duration) -> Option<String> {
    if needed == Duration::ZERO {
        return None;
    }
    let problem = |series| failing(input, series, needed);
    input.signals.probes.iter().find_map(problem).or_else(|| not_ready(input))
}

fn failing(input: &GuardInput<'_>, series: &Series, needed: Duration) -> Option<String> {
    let name = &series.name;
    if let Some(why) = &series.unsent {
        return Some(format!("probe {name} could not be sent from here: {why}"));
    }
    let Some(last) = series.last() else {
        return Some(format!("probe {name} has not answered yet"));
    };
    match series.good_since().map(|since| Duration::between(since.at, input.now)) {
        None => {
            let remedy = reach::remedy(series.address, &last.detail, input.inside);
            Some(format!("probe {name} fails: {}{remedy}", last.detail))
        }
        Some(_) if !last.good => Some(format!("probe {name} fails: {}", last.detail)),
        Some(good_for) if good_for < needed => {
            Some(format!("probe {name} good for {} of {needed}", round(good_for)))
        }
        Some(_) if !series.is_fresh(input.now) => {
            Some(format!("probe {name} has stopped answering"))
        }
        Some(_) => None,
    }
}

/// Why the pods, as they were read last, are not a steady state.
pub(super) fn not_ready(input: &GuardInput<'_>) -> Option<String> {
    let ready = input.cluster.pods.iter().filter(|pod| pod.ready).count();
    match &input.cluster.target {
        Target::Found { desired, .. }
            if input.signals.workload && ready < usize::try_from(*desired).unwrap_or(0) =>
        {
            Some(format!("{ready} of {desired} pods are ready"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::run::{FactName, Reason, Verdict},
        core::{
            cluster::{ClusterState, tests::healthy},
            decide::{
                Decision,
                tests::{decided, status},
            },
            guards::abort::tests::plan,
            signals::{Signals, pods::tests::at, series::Sample},
        },
    };

    /// What is decided after ten seconds about a run that was just taken up, where its only probe has an
    /// address or none and its last sample said this.
    fn after(found: Result<&str, &str>, said: &str) -> Decision {
        let plan = plan(&json!({"steadyFor": "10s"}));
        let status = status(&plan, &[(FactName::Accepted, 0.0)]);
        let mut signals = Signals::new(Some(&plan.spec), at(0.0));
        signals.probes =
            vec![Series::new("answers", Duration::seconds(1), Duration::seconds(1), 1)];
        signals.probes[0].address = found.ok().map(|address| address.parse().unwrap());
        signals.probes[0].unreachable = found.err().map(str::to_owned);
        signals.probes[0].push(Sample {
            started: at(9.0),
            ended: at(9.1),
            good: false,
            detail: said.to_owned(),
        });
        let cluster = ClusterState { read_at: at(10.0), ..healthy() };
        decided(&plan, Some(status), Some(&cluster), &signals, 10.0)
    }

    #[test]
    fn a_service_that_cannot_be_probed_is_refused_at_once_with_its_remedy() {
        for why in [
            "there is no Service web in namespace shop: create it, or name one that is there",
            "Service web has no TCP port 8080: name one that it has, 80 (http), 443",
            "Service web is headless (clusterIP: None), so it has no address that a probe could ask: name a Service with a ClusterIP",
        ] {
            let Decision::Record(status) = after(Err(why), why) else { panic!("it waits: {why}") };
            let verdict = (status.verdict, status.reason);
            assert_eq!(verdict, (Some(Verdict::Error), Some(Reason::ServicesFound)));
            let says = format!("refused by guard ServicesFound: probe answers: {why}");
            assert_eq!(status.summary, Some(says));
        }
    }

    #[test]
    fn a_probe_that_cannot_be_sent_is_waited_for_and_is_not_said_to_fail() {
        let plan = plan(&json!({"steadyFor": "10s"}));
        let status = status(&plan, &[(FactName::Accepted, 0.0)]);
        let mut signals = Signals::new(Some(&plan.spec), at(0.0));
        signals.probes[0].unsent = Some("64 source ports in a row are taken".to_owned());
        let cluster = ClusterState { read_at: at(10.0), ..healthy() };
        let decision = decided(&plan, Some(status), Some(&cluster), &signals, 10.0);
        let Decision::Record(status) = decision else { panic!("{decision:?}") };
        let injected = crate::api::conditions::get(&status.conditions, "Injected").unwrap();
        let says = "probe answers could not be sent from here: 64 source ports in a row are taken";
        assert_eq!(injected.message, says);
    }

    #[test]
    fn a_probe_that_fails_is_waited_for_with_what_it_says_and_its_remedy() {
        let at = "10.96.0.7:80";
        let other = "; a port that speaks gRPC, HTTP/2 or TLS is probed with tcp in place of http";
        let nobody =
            "; see that the Service selects ready pods and that they listen on its targetPort";
        for (said, remedy) in [
            ("HTTP 404", String::new()),
            ("the answer is not HTTP/1", format!(" at {at}{other}")),
            ("the connection was closed without an answer", format!(" at {at}{other}")),
            ("connection refused", format!(" at {at}{nobody}")),
        ] {
            let Decision::Record(status) = after(Ok(at), said) else { panic!("{said}") };
            assert_eq!((status.verdict, status.stage.as_deref()), (None, Some("Waiting:Steady")));
            let injected = crate::api::conditions::get(&status.conditions, "Injected").unwrap();
            assert_eq!(injected.message, format!("probe answers fails: {said}{remedy}"));
        }
    }
}
