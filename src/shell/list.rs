//! Lists however many objects there are, page by page. For their metadata alone, ask the API of
//! [`PartialObjectMeta`](kube::core::PartialObjectMeta).

use std::fmt::Debug;

use futures::{Stream, TryStreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::{Api, api::ListParams, core::ObjectList};
use serde::de::DeserializeOwned;

use crate::shell::call::{Error, call};

/// Objects per page, unless another number is asked for.
pub const PAGE: u32 = 500;

/// The pages, each asked for when the one before was taken; the first error is the last item.
pub fn pages<K>(
    what: &'static str,
    objects: &Api<K>,
    params: ListParams,
) -> impl Stream<Item = Result<ObjectList<K>, Error>>
where
    K: Clone + Debug + DeserializeOwned,
{
    let limit = params.limit.unwrap_or(PAGE);
    stream::try_unfold(Some(params.limit(limit)), move |params| async move {
        let Some(params) = params else { return Ok(None) };
        let page = call(what, objects.list(&params)).await?;
        let next = token(&page.metadata).map(|token| params.continue_token(token));
        Ok(Some((page, next)))
    })
}

/// What the next page is asked for with, if there is one.
#[must_use]
pub fn token(metadata: &ListMeta) -> Option<&str> {
    metadata.continue_.as_deref().filter(|token| !token.is_empty())
}

/// Every object.
///
/// # Errors
/// What the API server says about any page.
pub async fn all<K>(
    what: &'static str,
    objects: &Api<K>,
    params: ListParams,
) -> Result<Vec<K>, Error>
where
    K: Clone + Debug + DeserializeOwned,
{
    pages(what, objects, params).map_ok(|page| page.items).try_concat().await
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{ResourceExt, client::Body};
    use serde_json::json;

    use super::*;

    /// What is listed from a server of two pages, of which the second is refused where `broken`.
    async fn listed(broken: bool) -> Result<Vec<String>, Error> {
        let server = tower::service_fn(move |request: Request<Body>| {
            let query = request.uri().query().unwrap_or_default().to_owned();
            assert!(query.contains("limit=500") && query.contains("labelSelector=a"), "{query}");
            let (name, token) =
                if query.contains("continue=more") { ("second", "") } else { ("first", "more") };
            let status = if broken && token.is_empty() { 410 } else { 200 };
            let page = json!({"apiVersion": "v1", "kind": "ConfigMapList",
                "metadata": {"continue": token}, "items": [{"metadata": {"name": name}}]});
            let answer = Response::builder().status(status);
            std::future::ready(answer.body(Body::from(page.to_string().into_bytes())))
        });
        let objects: Api<ConfigMap> = Api::all(kube::Client::new(server, "default"));
        let found = all("list", &objects, ListParams::default().labels("a")).await?;
        Ok(found.iter().map(ResourceExt::name_any).collect())
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end_and_half_of_one_is_none() {
        assert_eq!(listed(false).await.unwrap(), ["first", "second"]);
        assert!(listed(true).await.is_err());
    }
}
