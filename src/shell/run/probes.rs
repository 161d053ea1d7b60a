//! Samples the probes of a run through its Services, each on a schedule of its own that does not
//! drift, from the acceptance of the run to its end; later, where the probes of other runs leave no room for them.

use std::{net::SocketAddr, sync::Arc};

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{
    registry::{Entry, Lookout},
    services::Leave,
};
use crate::{
    api::{
        Duration, ExperimentRun, ExperimentSpec,
        experiment::{HttpProbe, Probe, TcpProbe},
    },
    core::{
        decide::probing::{Probing, probing},
        guards::probes::Rate,
        signals::{
            default_timeout,
            series::{Sample, Series},
        },
    },
    faults::{self, Sign},
    shell::{context::Context, net::ProbeError},
};

/// Begins to send the probes of a run, one task for each, unless there is no room for them; gives whether they are sent.
pub fn start(
    context: &Arc<Context>,
    entry: &Entry,
    run: &ExperimentRun,
    spec: &ExperimentSpec,
) -> bool {
    let own = entry.lookout.read(|signals| Rate::of(signals.sampled())).0;
    let when = probing(run);
    if own == Rate::default() || when == Probing::Over {
        return true;
    }
    let services = context.services.of(&context.reads, &entry.lookout.run.0);
    let leave = match when {
        Probing::WhenThereIsRoom => {
            services.leave_within(own, context.config.caps.probes_per_second)
        }
        Probing::Now | Probing::Over => Ok(services.leave(own)),
    };
    let (leave, withheld) = match leave {
        Ok(leave) => (Some(Arc::new(leave)), None),
        Err(why) => (None, Some(why)),
    };
    entry.lookout.see(|signals| signals.withheld = withheld);
    let Some(leave) = leave else { return false };
    let run = Arc::new(run.clone());
    let keep = |probe: &Probe, index| {
        let share = (context.clone(), entry.lookout.clone(), run.clone(), leave.clone());
        let task = sample(share, probe.clone(), index);
        entry.keep(tokio::spawn(task).abort_handle());
    };
    let sampled = spec.steady_state.iter().filter(|probe| probe.workload.is_none());
    sampled.enumerate().for_each(|(index, probe)| keep(probe, Some(index)));
    if let Some(Sign::ProbeFails(probe)) = faults::behaviour(&spec.fault).sign {
        keep(probe, None);
    }
    true
}

type Shared = (Arc<Context>, Arc<Lookout>, Arc<ExperimentRun>, Arc<Leave>);

/// Samples one probe until its task is aborted; `index` is its place among the sampled ones of the
/// steady state, absent for the one that observes the fault.
async fn sample((context, lookout, run, leave): Shared, probe: Probe, index: Option<usize>) {
    let Some(target) = ProbeTarget::of(&probe) else { return };
    let services = &leave.services;
    let mut ticks = interval_at(Instant::now(), target.interval.std());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let address = services.address(&target.service, &target.port).await;
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
    port: IntOrString,
    path: Option<String>,
    interval: Duration,
    timeout: Duration,
}

impl ProbeTarget {
    fn of(probe: &Probe) -> Option<Self> {
        let (service, port, path, interval, timeout) = match (&probe.http, &probe.tcp) {
            (Some(HttpProbe { service, port, path, interval, timeout, .. }), _) => {
                (service, port.clone(), Some(path.clone()), *interval, *timeout)
            }
            (None, Some(TcpProbe { service, port, interval, timeout, .. })) => {
                (service, port.clone(), None, *interval, *timeout)
            }
            (None, None) => return None,
        };
        Some(Self {
            service: service.to_string(),
            port,
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex};

    use futures::future::BoxFuture;
    use http::{Request, Response};
    use kube::{Client, client::Body};
    use serde_json::{json, value::RawValue};
    use tokio::time::sleep;

    use super::*;
    use crate::{
        config::{Config, Endpoint},
        core::{
            decide::{Subject, tests::status},
            guards::abort::tests::plan,
            plan::Plan,
            signals::Signals,
        },
        detectors::Question,
        shell::{context::tests::context, net::Net},
    };

    /// Counts HTTP probes by their path.
    #[derive(Default)]
    struct Network(Mutex<BTreeMap<String, usize>>);

    impl Net for Network {
        fn http_probe<'a>(
            &'a self,
            _: SocketAddr,
            _: &'a str,
            path: &'a str,
            _: std::time::Duration,
        ) -> BoxFuture<'a, Result<(), ProbeError>> {
            *self.0.lock().unwrap().entry(path.to_owned()).or_default() += 1;
            Box::pin(std::future::ready(Ok(())))
        }

        fn tcp_probe(
            &self,
            _: SocketAddr,
            _: std::time::Duration,
        ) -> BoxFuture<'_, Result<(), ProbeError>> {
            Box::pin(std::future::ready(Ok(())))
        }

        fn get_json<'a>(
            &'a self,
            _: &'a Endpoint,
            _: Question,
        ) -> BoxFuture<'a, Result<Box<RawValue>, String>> {
            Box::pin(std::future::pending())
        }
    }

    /// An API server with the Service web.
    fn server() -> Client {
        let answer = |request: Request<Body>| async move {
            if request.uri().query().is_some_and(|query| query.contains("watch=true")) {
                std::future::pending::<()>().await;
            }
            let web = json!({"metadata": {"name": "web", "resourceVersion": "1"},
                "spec": {"clusterIP": "10.96.0.7", "ports": [{"port": 80}]}});
            let list = json!({"apiVersion": "v1", "kind": "ServiceList",
                "metadata": {"resourceVersion": "1"}, "items": [web]});
            Ok::<_, std::io::Error>(Response::new(Body::from(list.to_string().into_bytes())))
        };
        Client::new(tower::service_fn(answer), "default")
    }

    /// A plan with eight probes of that path, each every 100 ms.
    fn probing(path: &str) -> Plan {
        let mut spec = plan(&json!({})).spec;
        let probe = |number| {
            json!({"name": format!("p{number}"), "http":
            {"service": "web", "port": 80, "path": path, "interval": "100ms"}})
        };
        spec.steady_state =
            (0..8).map(|number| serde_json::from_value(probe(number)).unwrap()).collect();
        Plan::parse(&spec).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_hundred_runs_so_many_probe_as_there_is_room_for_and_one_under_way_does_anyway()
    {
        let net = Arc::new(Network::default());
        let context = context(Config::default(), net.clone());
        let context = Arc::new(Context { reads: server(), ..context });
        let entry = |name: &str| {
            let plan = Arc::new(probing(&format!("/{name}")));
            let mut run = ExperimentRun::new(name, crate::api::ExperimentRunSpec::of("e"));
            run.metadata.namespace = Some("shop".to_owned());
            let clock = context.wall.clock();
            let signals = Signals::new(Some(&plan.spec), clock.now());
            let lookout = Lookout::new(signals, Some(plan.clone()), &run, clock);
            let subject = Subject::Valid { plan: plan.clone(), generation: None };
            (context.registry.insert(name, lookout, subject), run, plan)
        };
        let look = |(entry, run, plan): &(Arc<Entry>, ExperimentRun, Arc<Plan>)| {
            start(&context, entry, run, &plan.spec)
        };
        let withheld = |(entry, ..): &(Arc<Entry>, ExperimentRun, Arc<Plan>)| {
            entry.lookout.read(|signals| signals.withheld.clone()).0
        };
        let runs: Vec<_> = (0..200).map(|number| entry(&number.to_string())).collect();
        let began: Vec<bool> = runs.iter().map(look).collect();
        assert_eq!(began.iter().filter(|began| **began).count(), 2);
        assert!(withheld(&runs[0]).is_none() && withheld(&runs[2]).unwrap().contains("allows 200"));
        sleep(std::time::Duration::from_secs(10)).await;
        {
            let sent = net.0.lock().unwrap();
            assert_eq!(sent.keys().collect::<Vec<_>>(), ["/0", "/1"]);
            assert!(sent.values().all(|count| (790..=810).contains(count)), "{sent:?}");
        }
        let mut under_way = entry("under-way");
        under_way.1.status =
            Some(status(&under_way.2, &[(crate::api::run::FactName::Journaled, 0.0)]));
        assert!(look(&under_way) && withheld(&under_way).is_none());
        for ends in ["0", "1"] {
            assert!(!look(&runs[2]), "there is no room yet");
            context.registry.get(ends).unwrap().stop_looking();
            sleep(std::time::Duration::from_secs(1)).await;
        }
        assert!(look(&runs[2]) && withheld(&runs[2]).is_none());
        sleep(std::time::Duration::from_secs(1)).await;
        let sent = net.0.lock().unwrap();
        assert!(sent["/2"] > 70 && sent["/under-way"] > 70 && sent.len() == 4, "{sent:?}");
    }
}
