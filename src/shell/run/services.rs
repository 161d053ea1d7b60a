//! Where probes find Services: by one watch per namespace, for as long as a run probes there. A Service that is
//! deleted gives its address free, and the next one that gets it may be somebody else's.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use futures::StreamExt;
use k8s_openapi::{
    api::core::v1::{Service, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{
    Api, Client, ResourceExt,
    runtime::watcher::{self, Event},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    task::AbortHandle,
    time::timeout,
};

use crate::{
    core::{
        cluster::reach,
        guards::probes::{self, Rate},
    },
    shell::{
        call::CALL_TIMEOUT,
        net::ProbeError,
        shared::{Shared, lock},
        watched::watched,
    },
};

/// The namespaces whose Services are watched.
#[derive(Default)]
pub struct Services(Shared<NamespaceServices>);

/// How many probes of one namespace are on their way at once: each holds a descriptor, of which others need some.
const AT_ONCE: usize = 1024;

/// The Services of one namespace as they are now; they are watched until nobody holds this any more.
pub struct NamespaceServices {
    namespace: String,
    known: watch::Receiver<Option<Known>>,
    turns: Semaphore,
    sent: Mutex<Rate>,
    task: AbortHandle,
}

/// Leave to send probes in a namespace, for as long as it is held.
pub struct Leave {
    /// Where they are sent.
    pub services: Arc<NamespaceServices>,
    own: Rate,
}

/// Services by name; absent before they are listed.
type Known = BTreeMap<String, Service>;

impl Services {
    /// The Services of that namespace, watched once for all who ask.
    pub fn of(&self, reads: &Client, namespace: &str) -> Arc<NamespaceServices> {
        self.0.of(namespace, || {
            let (sender, known) = watch::channel(None);
            let task = tokio::spawn(follow(Api::namespaced(reads.clone(), namespace), sender));
            NamespaceServices {
                namespace: namespace.to_owned(),
                known,
                turns: Semaphore::new(AT_ONCE),
                sent: Mutex::default(),
                task: task.abort_handle(),
            }
        })
    }
}

impl NamespaceServices {
    /// Leave to send probes of that rate too.
    pub fn leave(self: &Arc<Self>, own: Rate) -> Leave {
        *self.sent() += own;
        Leave { services: self.clone(), own }
    }

    /// The same, where those of others leave room for it.
    ///
    /// # Errors
    /// When they do not, in words for people.
    pub fn leave_within(self: &Arc<Self>, own: Rate, limit: i32) -> Result<Leave, String> {
        let mut sent = self.sent();
        if let Some(why) = probes::withheld(own, *sent, limit) {
            return Err(why);
        }
        *sent += own;
        Ok(Leave { services: self.clone(), own })
    }

    /// What the runs of the namespace send.
    fn sent(&self) -> MutexGuard<'_, Rate> {
        // A panic while the lock was held leaves a whole value behind, so its poison means nothing.
        lock(&self.sent)
    }

    /// The address by which users reach that port of a Service now.
    ///
    /// # Errors
    /// `Failed` where it has none, which no waiting changes; `Unsent` where the Services are not known yet.
    pub async fn address(&self, name: &str, port: &IntOrString) -> Result<SocketAddr, ProbeError> {
        let namespace = &self.namespace;
        let mut known = self.known.clone();
        let listed = timeout(CALL_TIMEOUT, known.wait_for(Option::is_some)).await;
        let Ok(Ok(services)) = listed else {
            let why = format!("the Services of namespace {namespace} could not be listed yet");
            return Err(ProbeError::Unsent(why));
        };
        let service = services.as_ref().and_then(|services| services.get(name));
        reach::address(service, (namespace, name), port).map_err(ProbeError::Failed)
    }

    /// What must be held while a probe is on its way.
    ///
    /// # Errors
    /// `Unsent` where too many others of this namespace are.
    pub fn turn(&self) -> Result<SemaphorePermit<'_>, ProbeError> {
        self.turns.try_acquire().map_err(|_| {
            let namespace = &self.namespace;
            ProbeError::Unsent(format!(
                "{AT_ONCE} other probes of namespace {namespace} are unanswered"
            ))
        })
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        *self.services.sent() -= self.own;
    }
}

impl Drop for NamespaceServices {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(api: Api<Service>, known: watch::Sender<Option<Known>>) {
    let mut events = watched(api, watcher::Config::default());
    let mut listed = Known::new();
    while let Some(event) = events.next().await {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(service) => drop(listed.insert(service.name_any(), reduced(service))),
            Event::InitDone => drop(known.send_replace(Some(std::mem::take(&mut listed)))),
            Event::Apply(service) => known.send_modify(|known| {
                known.get_or_insert_default().insert(service.name_any(), reduced(service));
            }),
            Event::Delete(service) => known.send_modify(|known| {
                known.get_or_insert_default().remove(&service.name_any());
            }),
        }
    }
}

/// What tells of a Service's address; the rest may be large.
fn reduced(service: Service) -> Service {
    let spec = service.spec.map(|spec| ServiceSpec {
        cluster_ip: spec.cluster_ip,
        ports: spec.ports,
        type_: spec.type_,
        ..ServiceSpec::default()
    });
    Service { spec, ..Service::default() }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::{api::Duration, core::signals::series::Series};

    fn web(ip: &str) -> Value {
        json!({
            "metadata": {"name": "web", "resourceVersion": "1"},
            "spec": {"clusterIP": ip, "ports": [{"port": 80}]},
        })
    }

    /// An API server where the Service web is there first and then becomes this; counts its lists.
    fn server(news: Value, lists: Arc<AtomicUsize>) -> Client {
        let answer = move |request: Request<Body>| {
            let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
            let answer = if watches {
                format!("{news}\n")
            } else {
                lists.fetch_add(1, Ordering::Relaxed);
                json!({
                    "apiVersion": "v1", "kind": "ServiceList",
                    "metadata": {"resourceVersion": "1"}, "items": [web("10.96.0.7")],
                })
                .to_string()
            };
            let answer = Response::new(Body::from(answer.into_bytes()));
            std::future::ready(Ok::<_, std::io::Error>(answer))
        };
        Client::new(tower::service_fn(answer), "default")
    }

    /// What becomes of the address of web when the watch brings this.
    async fn becomes(news: Value) -> Result<SocketAddr, ProbeError> {
        let services = Services::default();
        let watch = services.of(&server(news, Arc::default()), "shop");
        let first = "10.96.0.7:80".parse().unwrap();
        for _ in 0..1000 {
            let found = watch.address("web", &IntOrString::Int(80)).await;
            if found != Ok(first) {
                return found;
            }
            tokio::task::yield_now().await;
        }
        panic!("it is asked at its first address for ever")
    }

    #[tokio::test]
    async fn a_service_is_asked_at_the_address_that_it_has_now_and_not_once_it_is_gone() {
        let moved = becomes(json!({"type": "MODIFIED", "object": web("10.96.0.8")})).await;
        assert_eq!(moved, Ok("10.96.0.8:80".parse().unwrap()));
        let gone = becomes(json!({"type": "DELETED", "object": web("10.96.0.7")})).await;
        let why = "there is no Service web in namespace shop: create it, or name one that is there";
        assert_eq!(gone, Err(ProbeError::Failed(why.to_owned())));
    }

    #[tokio::test]
    async fn one_namespace_has_a_bounded_number_of_probes_on_their_way() {
        let client =
            server(json!({"type": "BOOKMARK", "object": web("10.96.0.7")}), Arc::default());
        let services = Services::default();
        let (shop, other) = (services.of(&client, "shop"), services.of(&client, "other"));
        let mut held: Vec<_> = (0..AT_ONCE).map(|_| shop.turn().unwrap()).collect();
        let why = "1024 other probes of namespace shop are unanswered".to_owned();
        assert_eq!(shop.turn().unwrap_err(), ProbeError::Unsent(why));
        assert!(other.turn().is_ok());
        held.pop();
        assert!(shop.turn().is_ok());
    }

    /// The rate of a run with so many probes each 100 ms.
    fn rate(probes: usize) -> Rate {
        let (often, second) = (Duration::millis(100), Duration::seconds(1));
        let series = vec![Series::new("answers", often, second, 1); probes];
        Rate::of(series.iter())
    }

    #[tokio::test]
    async fn the_probes_of_one_namespace_have_a_bounded_rate_and_whoever_ends_makes_room() {
        let client =
            server(json!({"type": "BOOKMARK", "object": web("10.96.0.7")}), Arc::default());
        let services = Services::default();
        let (shop, other) = (services.of(&client, "shop"), services.of(&client, "other"));
        let ask = || shop.leave_within(rate(8), 200);
        let mut all: Vec<_> = (0..200).map(|_| ask()).collect();
        assert_eq!(all.iter().filter(|leave| leave.is_ok()).count(), 2);
        let why = "its probes send 80 requests a second and those of other runs of the namespace 160, the operator allows 200 (caps.probesPerSecond)";
        assert_eq!(all.pop().unwrap().err().unwrap(), why);
        assert!(other.leave_within(rate(8), 200).is_ok());
        assert!(shop.leave_within(rate(4), 200).is_ok(), "as many as fit");
        let under_way = shop.leave(rate(8));
        all.remove(0).unwrap();
        assert!(ask().is_err(), "those under way are among the others");
        drop(under_way);
        assert!(ask().is_ok());
        drop(all);
        assert_eq!(*shop.sent(), Rate::default());
    }

    #[tokio::test]
    async fn a_namespace_is_watched_once_for_all_who_probe_there_and_no_longer_than_they_do() {
        let lists = Arc::new(AtomicUsize::new(0));
        let client = server(json!({"type": "BOOKMARK", "object": web("10.96.0.7")}), lists.clone());
        let services = Services::default();
        let all: Vec<_> = (0..20).map(|_| services.of(&client, "shop")).collect();
        for watch in &all {
            watch.address("web", &IntOrString::Int(80)).await.unwrap();
        }
        assert_eq!(lists.load(Ordering::Relaxed), 1);
        let task = all[0].task.clone();
        drop(all);
        tokio::task::yield_now().await;
        assert!(task.is_finished(), "nobody probes there any more");
        services.of(&client, "shop").address("web", &IntOrString::Int(80)).await.unwrap();
        assert_eq!(lists.load(Ordering::Relaxed), 2, "it is listed anew");
    }
}
