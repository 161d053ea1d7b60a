//! What a process that stays keeps of the API server's answers: others write the objects in them, and may make them
//! large. Notes that nobody here reads are left out as they come, and what is large all the same is read few at a time.

mod notes;

use std::sync::Arc;

use futures::{TryFutureExt, stream};
use http::{Request, Response, header::CONTENT_TYPE};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Bytes, Frame};
use kube::{Client, client};
use notes::{Kept, Notes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::names::GROUP;

/// So much of every answer is kept at once: more than an object has that nobody made large.
const FREE: usize = 32 << 10;

/// How many answers are read further than that at once.
const AT_ONCE: usize = 2;

/// What is kept of the metadata of firedrill's own objects and of lists of them. Nothing is lost by that: a write says
/// what it changes, and never how the object is as a whole.
const OWN: Kept = Kept {
    fields: Some(&[
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "finalizers",
        "continue",
        "remainingItemCount",
    ]),
    managed_fields: 0,
};

/// What is kept of the metadata of all others. Annotations are: a revert tests all of an object's.
const OTHER: Kept = Kept { fields: None, managed_fields: 0 };

/// As much as a hundred tools write that each hold some fields.
const MANAGED_FIELDS: usize = 64 << 10;

/// Who reads a large answer now; shared by all clients of a process.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// Says of a request that its answer is to keep `metadata.managedFields`.
#[derive(Clone, Copy)]
struct WithManagedFields;

/// A client whose answers are shortened, and where they are large all the same come in turn.
#[must_use]
pub fn shortened(client: &Client, turns: &Turns) -> Client {
    let (client, turns, namespace) = (client.clone(), turns.clone(), client.default_namespace());
    let namespace = namespace.to_owned();
    let service = tower::service_fn(move |request: Request<client::Body>| {
        let (kept, free, turns) = (kept(&request), free(&request), turns.clone());
        let client = client.clone();
        async move { client.send(request).await }
            .map_ok(move |answer| taken(answer, kept, (free, turns)))
    });
    Client::new(service, namespace)
}

/// A client whose answers, shortened as they are, also say which tool wrote which field when, up to 64 KiB for each
/// object.
#[must_use]
pub fn with_managed_fields(client: &Client) -> Client {
    let (client, namespace) = (client.clone(), client.default_namespace().to_owned());
    let service = tower::service_fn(move |request: Request<client::Body>| {
        let client = client.clone();
        async move { client.send(telling_managed_fields(request)).await }
    });
    Client::new(service, namespace)
}

/// The request, whose answer also says which tool wrote which field when, up to 64 KiB for each object.
#[must_use]
pub fn telling_managed_fields<B>(mut request: Request<B>) -> Request<B> {
    request.extensions_mut().insert(WithManagedFields);
    request
}

fn kept<B>(request: &Request<B>) -> Kept {
    let is_own = request
        .uri()
        .path()
        .strip_prefix("/apis/")
        .and_then(|path| path.strip_prefix(GROUP))
        .is_some_and(|path| path.starts_with('/'));
    let kept = if is_own { OWN } else { OTHER };
    let tells = request.extensions().get::<WithManagedFields>().is_some();
    Kept { managed_fields: if tells { MANAGED_FIELDS } else { 0 }, ..kept }
}

/// How much of the answer is kept without a turn: all of a watch, which has no end and each part of which is used as it
/// comes.
fn free<B>(request: &Request<B>) -> usize {
    let mut fields = request.uri().query().unwrap_or_default().split('&');
    if fields.any(|field| field == "watch=true") { usize::MAX } else { FREE }
}

/// An answer that is read.
struct Reading<B> {
    body: B,
    notes: Option<Notes>,
    kept: usize,
    turn: Option<OwnedSemaphorePermit>,
}

/// The answer, shortened where it is JSON; what is beyond the first `free` bytes of that waits for its turn, and whoever
/// asks for it sets the end of that waiting too. It keeps its turn until it is read or dropped. kube collects an answer
/// and makes an object of it in one go, so that on one thread not many more are in memory.
fn taken<B>(
    answer: Response<B>,
    kept: Kept,
    (free, turns): (usize, Turns),
) -> Response<impl Body<Data = Bytes, Error = B::Error> + Send + 'static>
where
    B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static,
{
    let kind = answer.headers().get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let is_json = kind.is_some_and(|kind| kind.starts_with(b"application/json"));
    answer.map(|body| {
        let notes = is_json.then(|| Notes::new(kept));
        let reading = Reading { body, notes, kept: 0, turn: None };
        StreamBody::new(stream::unfold(reading, move |mut reading| {
            let turns = turns.clone();
            async move {
                if reading.kept > free && reading.turn.is_none() {
                    reading.turn = turns.0.acquire_owned().await.ok();
                }
                let mut frame = reading.body.frame().await?;
                if let Some(notes) = &mut reading.notes {
                    frame = frame.map(|read| read.map_data(|data| notes.strip(&data).into()));
                }
                let data = frame.as_ref().ok().and_then(Frame::data_ref);
                reading.kept = reading.kept.saturating_add(data.map_or(0, Bytes::len));
                Some((frame, reading))
            }
        }))
    })
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, pin::pin};

    use futures::{FutureExt, StreamExt};
    use serde_json::{Value, json};

    use super::*;

    type Part = Result<Frame<Bytes>, Infallible>;

    /// What is read of an answer that comes in these parts.
    fn read<S>(parts: S, turns: &Turns) -> impl Future<Output = usize> + use<S>
    where
        S: futures::Stream<Item = Part> + Send + Unpin + 'static,
    {
        let answer = Response::new(StreamBody::new(parts));
        let body = taken(answer, OTHER, (FREE, turns.clone())).into_body();
        async { body.collect().await.map_or(0, |whole| whole.to_bytes().len()) }
    }

    fn kib(count: usize) -> impl futures::Stream<Item = Part> + Send + Unpin + 'static {
        stream::iter((0..count / 16).map(|_| Ok(Frame::data(Bytes::from(vec![0; 16 << 10])))))
    }

    #[test]
    fn large_answers_wait_for_those_that_are_read_and_small_ones_do_not() {
        let turns = Turns::default();
        assert_eq!(read(kib(256), &turns).now_or_never(), Some(256 << 10));
        let stuck = || Box::pin(read(kib(64).chain(stream::pending()), &turns));
        let mut reading: Vec<_> = (0..AT_ONCE).map(|_| stuck()).collect();
        for stuck in &mut reading {
            assert_eq!(stuck.now_or_never(), None);
        }
        assert_eq!(read(kib(32), &turns).now_or_never(), Some(32 << 10));
        let mut large = pin!(read(kib(256), &turns));
        assert_eq!(large.as_mut().now_or_never(), None, "both turns are taken");
        reading.pop();
        assert_eq!(
            large.now_or_never(),
            Some(256 << 10),
            "one that is dropped gives its turn back"
        );
    }

    #[test]
    fn a_watch_takes_no_turn() {
        let free = |uri: &str| free(&Request::builder().uri(uri).body(()).unwrap());
        assert_eq!(free("/api/v1/pods?&watch=true&timeoutSeconds=60"), usize::MAX);
        assert_eq!(free("/api/v1/pods?labelSelector=watch%3Dtrue"), FREE);
        assert_eq!(free("/api/v1/pods"), FREE);
    }

    /// The metadata that a client reads of an object that has everything.
    async fn metadata(path: &str, client: impl FnOnce(&Client) -> Client) -> Value {
        let server = tower::service_fn(|_: Request<client::Body>| {
            let metadata = json!({
                "annotations": {"note": "long"}, "labels": {"team": "a"}, "name": "n",
                "finalizers": ["a.example/first"], "managedFields": [{"manager": "m"}],
                "ownerReferences": [], "resourceVersion": "7",
            });
            let answer = Response::builder().header(CONTENT_TYPE, "application/json");
            let body = json!({"metadata": metadata}).to_string().into_bytes();
            std::future::ready(answer.body(client::Body::from(body)))
        });
        let client = client(&shortened(&Client::new(server, "default"), &Turns::default()));
        let request = Request::get(path).body(Vec::new()).unwrap();
        let object: Value = client.request(request).await.unwrap();
        object["metadata"].clone()
    }

    #[tokio::test]
    async fn of_our_own_objects_what_is_known_is_kept_and_of_others_all_but_who_wrote_what() {
        let own = json!({"finalizers": ["a.example/first"], "name": "n", "resourceVersion": "7"});
        assert_eq!(metadata("/apis/firedrill.dev/v1alpha1/experiments", Client::clone).await, own);
        let other = metadata("/apis/firedrill.dev.example/v1/things", Client::clone).await;
        assert_eq!(other["annotations"], json!({"note": "long"}));
        assert_eq!(other["labels"], json!({"team": "a"}));
        assert_eq!(other["managedFields"], Value::Null);
        let told = metadata("/api/v1/services", with_managed_fields).await;
        assert_eq!(told["managedFields"], json!([{"manager": "m"}]));
    }
}
