//! Samples the probes of a run through its Services, each on a schedule of its own that does not
//! drift, from the acceptance of the run to its end.

use std::{net::SocketAddr, sync::Arc};

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::registry::Lookout;
use crate::{
    api::{
        Duration, ExperimentRun,
        experiment::{HttpProbe, Probe, TcpProbe},
    },
    core::signals::{
        default_timeout,
        series::{Sample, Series},
    },
    shell::{context::Context, net::ProbeError},
};

/// Samples one probe until its task is aborted; `index` is its place among the sampled ones of the
/// steady state, absent for the one that observes the fault.
pub async fn sample(
    context: Arc<Context>,
    lookout: Arc<Lookout>,
    run: Arc<ExperimentRun>,
    probe: Probe,
    index: Option<usize>,
) {
    let Some(target) = ProbeTarget::of(&probe) else { return };
    let services = context.services.of(&context.reads, &lookout.run.0);
    let mut ticks = interval_at(Instant::now(), target.interval.std());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let address = services.address(&target.service, target.port).await;
        let started = lookout.clock.now();
        let outcome = match (&address, services.turn()) {
            (Ok(address), Ok(_turn)) => target.try_once(&context, *address, &lookout.run.0).await,
            (Err(error), _) => Err(error.clone()),
            (Ok(_), Err(error)) => Err(error),
        };
        let ended = lookout.clock.now();
        let (flipped, _) = lookout.see(|signals| {
            let series = match index {
                Some(index) => signals.probes.get_mut(index),
                None => signals.observe.as_mut(),
            };
            series.is_some_and(|series| {
                let before = state(series);
                series.address = address.as_ref().ok().copied();
                series.unreachable = match &address {
                    Err(ProbeError::Failed(why)) => Some(why.clone()),
                    Ok(_) | Err(ProbeError::Unsent(_)) => None,
                };
                match outcome {
                    Ok(()) => {
                        series.push(Sample { started, ended, good: true, detail: String::new() });
                    }
                    Err(ProbeError::Failed(detail)) => {
                        series.push(Sample { started, ended, good: false, detail });
                    }
                    Err(ProbeError::Unsent(why)) => series.unsent = Some(why),
                }
                before != state(series)
            })
        });
        if flipped {
            context.trigger(&run);
        }
    }
}

/// What others need to hear of when it changes.
fn state(series: &Series) -> (bool, bool) {
    (series.good_since().is_some(), series.impact_since().is_some())
}

/// One probe, with its defaults filled in.
struct ProbeTarget {
    service: String,
    port: u16,
    path: Option<String>,
    interval: Duration,
    timeout: Duration,
}

impl ProbeTarget {
    fn of(probe: &Probe) -> Option<Self> {
        let (service, port, path, interval, timeout) = match (&probe.http, &probe.tcp) {
            (Some(HttpProbe { service, port, path, interval, timeout, .. }), _) => {
                (service, *port, Some(path.clone()), *interval, *timeout)
            }
            (None, Some(TcpProbe { service, port, interval, timeout, .. })) => {
                (service, *port, None, *interval, *timeout)
            }
            (None, None) => return None,
        };
        Some(Self {
            service: service.to_string(),
            port: u16::try_from(port).ok()?,
            path,
            interval,
            timeout: timeout.unwrap_or_else(|| default_timeout(interval)),
        })
    }

    async fn try_once(
        &self,
        context: &Context,
        address: SocketAddr,
        namespace: &str,
    ) -> Result<(), ProbeError> {
        match &self.path {
            Some(path) => {
                let host = format!("{}.{namespace}.svc", self.service);
                context.net.http_probe(address, &host, path, self.timeout.std()).await
            }
            None => context.net.tcp_probe(address, self.timeout.std()).await,
        }
    }
}
