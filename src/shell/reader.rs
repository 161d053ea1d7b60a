//! Answers of the API server that others can make large, because they write the objects in them: read one at a time,
//! each up to a bound, and kept only in part.

use std::{ops::ControlFlow, pin::pin};

use futures::AsyncBufReadExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::{
    Client,
    api::ListParams,
    core::{Request, request},
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::Mutex;

use super::{answers::telling_managed_fields, list};
use crate::shell::call::{Error, call};

/// Objects on the first page. With all the annotations that they may have, 250 kB each, that is 5 MB.
const FIRST_PAGE: u32 = 20;

/// What is asked of an object, and how many bytes of it are read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its metadata, of which next to nothing is kept.
    Metadata,
    /// All of it, in fields of their own types.
    Typed,
    /// All of it, as values. That takes up to fifty times the memory: a map of one field has ten bytes of JSON and
    /// a node of 632 here.
    Whole,
}

impl Part {
    const fn bound(self) -> usize {
        match self {
            Self::Metadata => 8 << 20,
            Self::Typed => 2 << 20,
            Self::Whole => 512 << 10,
        }
    }
}

/// Reads one answer at a time, so that not more than one is in memory.
pub struct Reader {
    client: Client,
    alone: Mutex<()>,
}

#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: ListMeta,
    items: Option<Vec<T>>,
}

impl Reader {
    /// One that reads by this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, alone: Mutex::default() }
    }

    /// By what it reads.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// What `take` makes of one object, with who wrote it, which is not in memory any longer than that; absent where it
    /// is gone.
    ///
    /// # Errors
    /// What the API server says, or that the object is too large.
    pub async fn one<T: DeserializeOwned, R>(
        &self,
        what: &'static str,
        (url, name): (&str, &str),
        take: impl FnOnce(T) -> R,
    ) -> Result<Option<R>, Error> {
        let request = Request::new(url).get(name, &kube::api::GetParams::default());
        let request = request.map(telling_managed_fields);
        let _alone = self.alone.lock().await;
        match self.answer(what, request, Part::Whole.bound()).await {
            Ok(body) => Ok(Some(take(parse(what, &body)?))),
            Err(error) if error.code() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives every object of a list to `take`, page by page, and gives the version of the list.
    ///
    /// How many are on a page is found out, because that costs either memory or requests: 5,000 runs of 4 kB are
    /// read in eleven pages, and 400 policies with 250 kB of annotations in 25. The length of a page may
    /// change from one to the next: a `continue` token says where the last one ended, and of which version.
    ///
    /// # Errors
    /// What the API server says about any page, or that one object is too large.
    pub async fn list<T: DeserializeOwned>(
        &self,
        what: &'static str,
        url: &str,
        wanted: (Part, ListParams),
        mut take: impl FnMut(T),
    ) -> Result<String, Error> {
        let all = |object| {
            take(object);
            ControlFlow::Continue(())
        };
        self.list_until(what, url, wanted, all).await
    }

    /// As [`list`](Self::list), until `take` says that this is enough.
    ///
    /// # Errors
    /// What the API server says about any page, or that one object is too large.
    pub async fn list_until<T: DeserializeOwned>(
        &self,
        what: &'static str,
        url: &str,
        (part, mut params): (Part, ListParams),
        mut take: impl FnMut(T) -> ControlFlow<()>,
    ) -> Result<String, Error> {
        let mut length = FIRST_PAGE;
        loop {
            params = params.limit(length);
            let request = match part {
                Part::Metadata => Request::new(url).list_metadata(&params),
                Part::Typed | Part::Whole => Request::new(url).list(&params),
            };
            let _alone = self.alone.lock().await;
            let body = match self.answer(what, request, part.bound()).await {
                Err(Error::TooLarge { .. }) if length > 1 => {
                    length = (length / 4).max(1);
                    continue;
                }
                other => other?,
            };
            let page: Page<T> = parse(what, &body)?;
            let items = page.items.unwrap_or_default();
            // A page of what a selector leaves of it may be empty and not the last one.
            if !items.is_empty() {
                length = next_length(body.len(), items.len(), part.bound());
            }
            drop(body);
            let is_enough = items.into_iter().try_for_each(&mut take).is_break();
            match list::token(&page.metadata).filter(|_| !is_enough) {
                Some(token) => params.continue_token = Some(token.to_owned()),
                None => return Ok(page.metadata.resource_version.unwrap_or_default()),
            }
        }
    }

    /// The body of an answer, if it is not larger than that.
    async fn answer(
        &self,
        what: &'static str,
        request: Result<http::Request<Vec<u8>>, request::Error>,
        bound: usize,
    ) -> Result<Vec<u8>, Error> {
        let body = read(&self.client, request, |body: &mut Vec<u8>, chunk| {
            let fits = body.len() + chunk.len() <= bound;
            if fits {
                body.extend_from_slice(chunk);
            }
            fits
        });
        call(what, body).await?.ok_or(Error::TooLarge { what, bound })
    }
}

/// Sends a request whose answer nobody needs: the object as it is then, which others may have made large.
///
/// # Errors
/// What the API server says.
pub async fn unread(
    client: &Client,
    request: Result<http::Request<Vec<u8>>, request::Error>,
) -> kube::Result<()> {
    read(client, request, |(): &mut (), _| true).await.map(drop)
}

/// Reads an answer to its end; absent where `take` wants no more of it.
async fn read<T: Default>(
    client: &Client,
    request: Result<http::Request<Vec<u8>>, request::Error>,
    take: impl Fn(&mut T, &[u8]) -> bool,
) -> kube::Result<Option<T>> {
    let answer = client.request_stream(request.map_err(kube::Error::BuildRequest)?).await?;
    let (mut answer, mut taken) = (pin!(answer), T::default());
    loop {
        let chunk = answer.fill_buf().await.map_err(|error| kube::Error::Service(error.into()))?;
        let length = chunk.len();
        if length == 0 {
            return Ok(Some(taken));
        }
        if !take(&mut taken, chunk) {
            return Ok(None);
        }
        answer.consume_unpin(length);
    }
}

fn parse<T: DeserializeOwned>(what: &'static str, body: &[u8]) -> Result<T, Error> {
    let parsed = serde_json::from_slice(body).map_err(kube::Error::SerdeError);
    parsed.map_err(|source| Error::Call { what, source: Box::new(source) })
}

/// How many objects are asked for after so many in so many bytes: half of the bound, if they go on like that.
fn next_length(bytes: usize, items: usize, bound: usize) -> u32 {
    let fitting = (bound / 2).saturating_mul(items) / bytes.max(1);
    u32::try_from(fitting).unwrap_or(list::PAGE).clamp(1, list::PAGE)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex as Shared};

    use http::{Request as Asked, Response};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{ResourceExt, client::Body};
    use serde_json::{Value, json};

    use super::*;

    /// A reader of a server that lists that many objects of that many bytes each, and the lengths of the pages
    /// that it was asked for.
    fn listing(count: usize, bytes: usize) -> (Reader, Arc<Shared<Vec<usize>>>) {
        let asked = Arc::new(Shared::new(Vec::new()));
        let told = asked.clone();
        let server = tower::service_fn(move |request: Asked<Body>| {
            let query = request.uri().query().unwrap_or_default().to_owned();
            let number = |key: &str| {
                let (_, rest) = query.split_once(key)?;
                rest.split('&').next()?.parse::<usize>().ok()
            };
            let (limit, from) = (number("limit=").unwrap(), number("continue=").unwrap_or(0));
            told.lock().unwrap().push(limit);
            let to = count.min(from + limit);
            let items: Vec<Value> = (from..to)
                .map(|number| json!({"metadata": {"name": number.to_string()}, "data": {"a": "x".repeat(bytes)}}))
                .collect();
            let token = if to < count { to.to_string() } else { String::new() };
            let page = json!({"metadata": {"continue": token}, "items": items});
            std::future::ready(Ok::<_, kube::Error>(Response::new(Body::from(
                page.to_string().into_bytes(),
            ))))
        });
        (Reader::new(Client::new(server, "default")), asked)
    }

    async fn names(reader: &Reader, part: Part) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        let take = |found: ConfigMap| names.push(found.name_any());
        reader.list("list", "/api/v1/configmaps", (part, ListParams::default()), take).await?;
        Ok(names)
    }

    #[tokio::test]
    async fn pages_are_as_long_as_the_objects_are_small() {
        for (count, bytes, expected) in [
            (3, 10, &[20][..]),
            (1200, 4_000, &[20, 500, 500, 500]),
            (60, 250_000, &[20, 16, 16, 16]),
            (8, 1_500_000, &[20, 5, 2, 2]),
        ] {
            let (reader, asked) = listing(count, bytes);
            let names = names(&reader, Part::Metadata).await.unwrap();
            let all: Vec<String> = (0..count).map(|number| number.to_string()).collect();
            assert_eq!(names, all);
            assert_eq!(*asked.lock().unwrap(), expected, "{count} × {bytes}");
        }
    }

    #[tokio::test]
    async fn an_empty_page_tells_nothing_of_the_size_of_the_next() {
        let asked = Arc::new(Shared::new(Vec::new()));
        let told = asked.clone();
        let server = tower::service_fn(move |request: Asked<Body>| {
            let query = request.uri().query().unwrap_or_default().to_owned();
            let token = if query.contains("continue=more") { "" } else { "more" };
            told.lock().unwrap().push(query.contains("limit=20"));
            let page = json!({"metadata": {"continue": token}, "items": []}).to_string();
            std::future::ready(Ok::<_, kube::Error>(Response::new(Body::from(page.into_bytes()))))
        });
        let reader = Reader::new(Client::new(server, "default"));
        assert_eq!(names(&reader, Part::Metadata).await.unwrap(), [] as [&str; 0]);
        assert_eq!(*asked.lock().unwrap(), [true, true]);
    }

    #[tokio::test]
    async fn an_object_beyond_the_bound_is_an_error_and_never_in_memory() {
        let (reader, asked) = listing(2, 600_000);
        let error = names(&reader, Part::Whole).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "list: an object has more than the 512 KiB that are read at once; make it smaller (its annotations?)"
        );
        assert_eq!(*asked.lock().unwrap(), [20, 5, 1]);
        let one = |bytes: usize| {
            let server = tower::service_fn(move |_: Asked<Body>| {
                let object = json!({"metadata": {"name": "x".repeat(bytes)}}).to_string();
                std::future::ready(Ok::<_, kube::Error>(Response::new(Body::from(
                    object.into_bytes(),
                ))))
            });
            Reader::new(Client::new(server, "default"))
        };
        let length = |object: ConfigMap| object.name_any().len();
        let read = one(500_000);
        let read = read.one("read", ("/api/v1/configmaps", "a"), length).await.unwrap();
        assert_eq!(read, Some(500_000));
        let read = one(600_000);
        let read = read.one("read", ("/api/v1/configmaps", "a"), length).await;
        assert!(matches!(read, Err(Error::TooLarge { .. })), "{read:?}");
    }

    #[tokio::test]
    async fn what_is_gone_is_no_error() {
        let server = tower::service_fn(|_: Asked<Body>| {
            let status =
                json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404});
            let answer = Response::builder().status(404);
            std::future::ready(answer.body(Body::from(status.to_string().into_bytes())))
        });
        let reader = Reader::new(Client::new(server, "default"));
        let read = reader.one("read", ("/api/v1/configmaps", "a"), |_: ConfigMap| ()).await;
        assert_eq!(read.unwrap(), None);
    }
}
