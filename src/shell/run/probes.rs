//! Samples the probes of a run through its Services, each on a schedule of its own that does not
//! drift, from the acceptance of the run to its end.

use std::{net::SocketAddr, sync::Arc};

use k8s_openapi::api::core::v1::Service;
use kube::Api;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::registry::Lookout;
use crate::{
    api::{
        Duration, ExperimentRun,
        experiment::{HttpProbe, Probe, TcpProbe},
    },
    core::{
        cluster::reach,
        signals::{
            default_timeout,
            series::{Sample, Series},
        },
    },
    shell::{call::call, context::Context},
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
    let mut ticks = interval_at(Instant::now(), target.interval.std());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut address: Result<SocketAddr, Unknown> =
        Err(Unknown::Now("not looked up yet".to_owned()));
    loop {
        ticks.tick().await;
        let started = lookout.clock.now();
        if address.is_err() {
            address = target.address(&context, &lookout.run.0).await;
        }
        let outcome = match &address {
            Ok(address) => target.try_once(&context, *address, &lookout.run.0).await,
            Err(unknown) => Err(unknown.words().to_owned()),
        };
        let ended = lookout.clock.now();
        let good = outcome.is_ok();
        let detail = outcome.err().unwrap_or_default();
        let (flipped, _) = lookout.see(|signals| {
            let series = match index {
                Some(index) => signals.probes.get_mut(index),
                None => signals.observe.as_mut(),
            };
            series.is_some_and(|series| {
                let before = state(series);
                series.address = address.as_ref().ok().copied();
                series.unreachable = address.as_ref().err().and_then(Unknown::for_good);
                series.push(Sample { started, ended, good, detail });
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

/// Why it is not known where to ask.
enum Unknown {
    /// It may be known the next time.
    Now(String),
    /// No waiting changes it.
    ForGood(String),
}

impl Unknown {
    fn words(&self) -> &str {
        match self {
            Self::Now(words) | Self::ForGood(words) => words,
        }
    }

    fn for_good(&self) -> Option<String> {
        match self {
            Self::Now(_) => None,
            Self::ForGood(words) => Some(words.clone()),
        }
    }
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

    /// The address by which users reach the Service.
    async fn address(&self, context: &Context, namespace: &str) -> Result<SocketAddr, Unknown> {
        let services: Api<Service> = Api::namespaced(context.reads.clone(), namespace);
        let service = call("read the Service", services.get_opt(&self.service)).await;
        let service = service.map_err(|error| Unknown::Now(error.to_string()))?;
        reach::address(service.as_ref(), (namespace, &self.service), self.port)
            .map_err(Unknown::ForGood)
    }

    async fn try_once(
        &self,
        context: &Context,
        address: SocketAddr,
        namespace: &str,
    ) -> Result<(), String> {
        match &self.path {
            Some(path) => {
                let host = format!("{}.{namespace}.svc", self.service);
                context.net.http_probe(address, &host, path, self.timeout.std()).await
            }
            None => context.net.tcp_probe(address, self.timeout.std()).await,
        }
    }
}
