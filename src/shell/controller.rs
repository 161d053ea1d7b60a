//! What every controller needs: the objects of its kind as they are watched, a way to ask for one to be
//! looked at, and a loop that no error ends.

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures::StreamExt;
use kube::{
    Api, Resource,
    core::DeserializeGuard,
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Action},
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::watched::watched;
use crate::shell::call::Error;

/// An object as it is watched: one that cannot be read must not stop the others.
pub type Guarded<K> = DeserializeGuard<K>;

/// What a controller can look after.
pub trait Watchable:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Watchable for K where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

/// The objects of a kind as last heard by watch, and the way to ask for one to be looked at.
pub struct Informer<K: Watchable> {
    store: Store<Guarded<K>>,
    requests: mpsc::UnboundedSender<ObjectRef<Guarded<K>>>,
}

/// The other end of an [`Informer`]: what the controller of the kind fills and hears.
pub struct Feed<K: Watchable> {
    store: (Store<Guarded<K>>, Writer<Guarded<K>>),
    requests: mpsc::UnboundedReceiver<ObjectRef<Guarded<K>>>,
}

/// An informer without any object yet, and its other end.
#[must_use]
pub fn informer<K: Watchable>() -> (Informer<K>, Feed<K>) {
    let (store, writer) = reflector::store();
    let (requests, requested) = mpsc::unbounded_channel();
    let informer = Informer { store: store.clone(), requests };
    (informer, Feed { store: (store, writer), requests: requested })
}

impl<K: Watchable> Informer<K> {
    /// Asks for the object of that namespace and name to be looked at.
    pub fn request(&self, namespace: &str, name: &str) {
        // The receiver lives as long as the controller; after that nobody needs to look.
        self.requests.send(ObjectRef::new(name).within(namespace)).ok();
    }

    /// Every object as last heard.
    #[must_use]
    pub fn heard(&self) -> Heard<K> {
        Heard(self.store.state())
    }

    /// Resolves when every object was listed; never where nobody lists them.
    pub async fn listed(&self) {
        if self.store.wait_until_ready().await.is_err() {
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
        let (reader, writer) = self.store;
        let objects = watched(api, config).map(Ok).modify(slim).reflect(writer).applied_objects();
        Controller::for_stream(objects, reader)
            .reconcile_on(UnboundedReceiverStream::new(self.requests))
    }
}

/// Runs the controller, which never ends; an object that could not be looked at is again after `pause`.
pub async fn run<K, C, F>(
    controller: Controller<Guarded<K>>,
    reconcile: impl FnMut(Arc<Guarded<K>>, Arc<C>) -> F,
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
                Ok(_)
                | Err(
                    controller::Error::ObjectNotFound(_)
                    | controller::Error::ReconcilerFailed(Error::Conflict(_), _),
                ) => {}
                Err(controller::Error::ReconcilerFailed(error, object)) => {
                    let reason = error.reason();
                    tracing::warn!(%object, %error, reason, "an object could not be looked at");
                }
                Err(error) => tracing::error!(%error, "a controller failed"),
            }
        })
        .await;
}
