//! What every controller needs: the objects of its kind as they are watched, a way to ask for one to be
//! looked at, and a loop that no error ends.

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, Resource, ResourceExt,
    api::DynamicObject,
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Action},
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::{guarded::Guarded, watched::watched};
use crate::shell::call::Error;

/// What a controller can look after.
pub trait Watchable:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Watchable for K where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

/// The version of an object as a number, which grows with each write of its kind (KEP-5504).
pub fn version<K: ResourceExt>(object: &K) -> Option<u64> {
    object.meta().resource_version.as_ref()?.parse().ok()
}

/// The objects of a kind as last heard by watch, and the way to ask for one to be looked at.
pub struct Informer<K: Watchable> {
    store: Store<Guarded<K>>,
    requests: mpsc::UnboundedSender<ObjectRef<Guarded<K>>>,
    progress: watch::Receiver<Progress>,
}

/// How far a watch has come.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// Whether every object was listed.
    listed: bool,
    events: u64,
}

/// The other end of an [`Informer`]: what the controller of the kind fills and hears.
pub struct Feed<K: Watchable> {
    store: (Store<Guarded<K>>, Writer<Guarded<K>>),
    requests: mpsc::UnboundedReceiver<ObjectRef<Guarded<K>>>,
    progress: watch::Sender<Progress>,
}

/// An informer without any object yet, and its other end.
#[must_use]
pub fn informer<K: Watchable>() -> (Informer<K>, Feed<K>) {
    let (store, writer) = reflector::store();
    let (requests, requested) = mpsc::unbounded_channel();
    // The store's own `wait_until_ready` wakes one of those who wait for it.
    let (told, progress) = watch::channel(Progress::default());
    let informer = Informer { store: store.clone(), requests, progress };
    (informer, Feed { store: (store, writer), requests: requested, progress: told })
}

impl<K: Watchable> Informer<K> {
    /// Asks for the object of that namespace and name to be looked at, where there is one as last heard: who is told
    /// that an object is gone may himself ask for it, and would be told again and again.
    pub fn request(&self, namespace: &str, name: &str) {
        let object = ObjectRef::new(name).within(namespace);
        if self.store.get(&object).is_some() {
            // The receiver lives as long as the controller; after that nobody needs to look.
            self.requests.send(object).ok();
        }
    }

    /// Every object as last heard.
    #[must_use]
    pub fn heard(&self) -> Heard<K> {
        Heard(self.store.state())
    }

    /// The object of that namespace and name as last heard.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<Guarded<K>>> {
        self.store.get(&ObjectRef::new(name).within(namespace))
    }

    /// Whether there is none of that namespace and name, as last heard; not before all were listed.
    #[must_use]
    pub fn is_gone(&self, namespace: &str, name: &str) -> bool {
        self.progress.borrow().listed && self.get(namespace, name).is_none()
    }

    /// Resolves when the object of that namespace and name was heard of as of that version or later, and with it
    /// whatever was written of its kind before: a watch brings the writes of a kind in the order of their versions.
    pub async fn heard_of(&self, namespace: &str, name: &str, version: u64) {
        let is_heard = || {
            let heard = self.get(namespace, name);
            heard.and_then(|object| self::version(&*object)).is_some_and(|heard| heard >= version)
        };
        if self.progress.clone().wait_for(|_| is_heard()).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// How many events were heard.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.progress.borrow().events
    }

    /// Resolves when every object was listed; never where nobody lists them.
    pub async fn listed(&self) {
        if self.progress.clone().wait_for(|progress| progress.listed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Objects as they were heard at one instant.
pub struct Heard<K>(Vec<Arc<Guarded<K>>>);

impl<K> Heard<K> {
    /// Those that can be read.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.iter().filter_map(|object| object.0.as_ref().ok())
    }
}

impl<K: Watchable> Feed<K> {
    /// The controller that looks at an object when it changes and when somebody asks for it; what is kept of
    /// an object in memory is what `slim` leaves.
    pub fn controller(
        self,
        api: Api<Guarded<K>>,
        config: watcher::Config,
        slim: fn(&mut K),
    ) -> Controller<Guarded<K>> {
        let slim = move |object: &mut Guarded<K>| object.0.iter_mut().for_each(slim);
        let ((reader, writer), progress) = (self.store, self.progress);
        let objects = watched(api, config).map(Ok).modify(slim).reflect(writer);
        // Whoever waits is told of each event, as it may be what they wait for.
        let objects = objects.inspect_ok(move |event| {
            progress.send_modify(|progress| {
                progress.listed |= matches!(event, watcher::Event::InitDone);
                progress.events += 1;
            });
        });
        let objects = objects.applied_objects();
        Controller::for_stream(objects, reader)
            .reconcile_on(UnboundedReceiverStream::new(self.requests))
    }
}

/// Runs the controller, which never ends; an object that could not be looked at is again after `pause`. One that was to
/// be looked at again and is not there any more is told to `gone`: no watch brings it.
pub async fn run<K, C, F>(
    controller: Controller<Guarded<K>>,
    reconcile: impl FnMut(Arc<Guarded<K>>, Arc<C>) -> F,
    gone: impl Fn(&ObjectRef<DynamicObject>),
    pause: Duration,
    context: Arc<C>,
) where
    K: Watchable,
    F: Future<Output = Result<Action, Error>> + Send + 'static,
{
    controller
        .run(reconcile, |_, _, _| Action::requeue(pause), context)
        .for_each(|outcome| async {
            match outcome {
                Ok(_) | Err(controller::Error::ReconcilerFailed(Error::Conflict(_), _)) => {}
                Err(controller::Error::ObjectNotFound(object)) => gone(&object),
                Err(controller::Error::ReconcilerFailed(error, object)) => {
                    let reason = error.reason();
                    tracing::warn!(%object, %error, reason, "an object could not be looked at");
                }
                Err(error) => tracing::error!(%error, "a controller failed"),
            }
        })
        .await;
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use futures::FutureExt;
    use http::{Request, Response};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_not_there_is_not_asked_for() {
        let (informer, mut feed) = informer::<ConfigMap>();
        informer.request("shop", "web");
        assert!(feed.requests.try_recv().is_err(), "nobody would ever be done with it");
        let object = json!({"metadata": {"name": "web", "namespace": "shop"}});
        let web = Guarded(Ok(serde_json::from_value(object).unwrap()));
        feed.store.1.apply_watcher_event(&watcher::Event::Apply(web));
        informer.request("shop", "web");
        assert_eq!(feed.requests.try_recv().unwrap().name, "web");
    }

    #[tokio::test]
    async fn who_waits_for_a_version_goes_on_once_it_or_a_later_one_was_heard() {
        let (informer, mut feed) = informer::<ConfigMap>();
        let hear = |feed: &mut Feed<ConfigMap>, name: &str, version: &str| {
            let metadata = json!({"name": name, "namespace": "shop", "resourceVersion": version});
            let map = Guarded(Ok(serde_json::from_value(json!({"metadata": metadata})).unwrap()));
            feed.store.1.apply_watcher_event(&watcher::Event::Apply(map));
            feed.progress.send_modify(|progress| progress.events += 1);
        };
        let mut heard = pin!(informer.heard_of("shop", "web", 10));
        hear(&mut feed, "other", "12");
        assert_eq!(heard.as_mut().now_or_never(), None, "it is another object");
        hear(&mut feed, "web", "9");
        assert_eq!(heard.as_mut().now_or_never(), None, "9 is before 10, whatever their texts say");
        hear(&mut feed, "web", "11");
        assert_eq!(heard.as_mut().now_or_never(), Some(()));
        assert_eq!(informer.heard_of("shop", "web", 10).now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn what_is_kept_of_an_object_is_what_its_controller_leaves() {
        let object = |name: &str, data: Value| json!({"metadata": {"name": name, "namespace": "shop"}, "data": data});
        let objects = [object("good", json!({"k": "v"})), object("bad", json!("no map"))];
        let list = json!({"apiVersion": "v1", "kind": "ConfigMapList", "metadata": {"resourceVersion": "7"}, "items": objects});
        let server = tower::service_fn(move |request: Request<Body>| {
            let (query, list) =
                (request.uri().query().unwrap_or_default().to_owned(), list.to_string());
            async move {
                if query.contains("watch=true") {
                    std::future::pending::<()>().await;
                }
                Ok::<_, std::io::Error>(Response::new(Body::from(list.into_bytes())))
            }
        });
        let (informer, feed) = informer::<ConfigMap>();
        let api = Api::all(kube::Client::new(server, "default"));
        let controller = feed.controller(api, watcher::Config::default(), |map| map.data = None);
        let look = |_: Arc<Guarded<ConfigMap>>, _: Arc<()>| {
            std::future::ready(Ok::<_, Error>(Action::await_change()))
        };
        tokio::select! {
            () = run(controller, look, |_| {}, Duration::from_secs(1), Arc::new(())) => panic!("it ended"),
            // Whoever waits is woken, also where somebody else does.
            _ = futures::future::join(informer.listed(), informer.listed()) => {}
        }
        let kept = informer.store.state();
        let data = kept.iter().map(|object| object.0.as_ref().ok().map(|map| map.data.is_some()));
        let mut data: Vec<_> = data.collect();
        data.sort_unstable();
        assert_eq!(data, [None, Some(false)]);
    }

    #[tokio::test]
    async fn an_object_that_is_gone_when_it_is_to_be_looked_at_again_is_told() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "gone", "namespace": "shop", "uid": "u", "resourceVersion": "7"}});
        let list = json!({"metadata": {"resourceVersion": "7"}, "items": [object]});
        // As the API server writes it: an event's type comes first.
        let ends = format!(r#"{{"type":"DELETED","object":{object}}}"#);
        let watches = Arc::new(AtomicUsize::new(0));
        let server = tower::service_fn(move |request: Request<Body>| {
            let is_watch = request.uri().query().unwrap_or_default().contains("watch=true");
            let body = if is_watch { format!("{ends}\n") } else { list.to_string() };
            let is_later = is_watch && watches.fetch_add(1, Ordering::Relaxed) > 0;
            async move {
                if is_later {
                    std::future::pending::<()>().await;
                }
                Ok::<_, std::io::Error>(Response::new(Body::from(body.into_bytes())))
            }
        });
        let (_informer, feed) = informer::<ConfigMap>();
        let api = Api::all(kube::Client::new(server, "default"));
        let controller = feed.controller(api, watcher::Config::default(), |_| {});
        let look = |_: Arc<Guarded<ConfigMap>>, _: Arc<()>| {
            std::future::ready(Ok::<_, Error>(Action::requeue(Duration::from_millis(50))))
        };
        let (told, mut heard) = mpsc::unbounded_channel();
        let gone = move |object: &ObjectRef<DynamicObject>| {
            told.send((object.namespace.clone(), object.name.clone())).unwrap();
        };
        let running = run(controller, look, gone, Duration::from_secs(1), Arc::new(()));
        let heard = tokio::select! {
            () = running => panic!("it ended"),
            heard = heard.recv() => heard,
            () = tokio::time::sleep(Duration::from_secs(20)) => panic!("nobody was told"),
        };
        assert_eq!(heard, Some((Some("shop".to_owned()), "gone".to_owned())));
    }
}
