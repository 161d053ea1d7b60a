//! The bare chain of the API calls that one kill needs, without any of the rules: what the figures of
//! `make bench` are compared with. It shares no code with the operator.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::pin::pin;

use futures::StreamExt;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Namespace, Pod},
};
use kube::{
    Api, Client, Config,
    api::{DynamicObject, ListParams, Patch, PatchParams, PostParams},
    client::{Body, ConfigExt},
    core::{ApiResource, GroupVersionKind},
    runtime::watcher::{self, Event, watcher},
};
use serde_json::{Value, json};
use tower::{BoxError, ServiceBuilder};

/// kube's own client, over connections that send at once what they are given: else the body of each write waits 40 ms
/// for a delayed acknowledgement of its head (RFC 1122, 4.2.3.4), and the chain is no limit of anything.
fn client(config: Config) -> Client {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = config.rustls_https_connector_with_connector(tcp).unwrap();
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().unwrap())
        .map_err(BoxError::from)
        .service(legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(connector));
    Client::new(service, config.default_namespace)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let namespace = std::env::args().nth(1).expect("usage: bare NAMESPACE");
    let mut config = Config::infer().await.unwrap();
    config.default_retry = false;
    let client = client(config);
    let resource =
        |kind| ApiResource::from_gvk(&GroupVersionKind::gvk("firedrill.dev", "v1alpha1", kind));
    let runs: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &namespace, &resource("ExperimentRun"));
    let levers: Api<DynamicObject> = Api::all_with(client.clone(), &resource("SafetyLever"));
    let mut events = pin!(watcher(runs.clone(), watcher::Config::default()));
    while let Some(event) = events.next().await {
        let Ok(Event::Apply(run)) = event else {
            continue;
        };
        // The schema gives a new run a status, without facts.
        let is_begun = run.data["status"].get("facts").is_some();
        if is_begun || run.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let name = run.metadata.name.clone().unwrap();
        let target =
            run.data["spec"]["template"]["target"]["deployment"].as_str().unwrap().to_owned();
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let deployments: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
        let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
        let (_, _, _) = futures::join!(
            levers.get_opt("cluster"),
            namespaces.get_metadata(&namespace),
            deployments.get(&target)
        );
        let labels = ListParams::default().labels(&format!("app={target}"));
        let found = pods.list(&labels).await.unwrap().items;
        let alive = |pod: &&Pod| pod.metadata.deletion_timestamp.is_none();
        let Some(victim) = found.iter().find(alive) else {
            continue;
        };
        let under_way = ListParams::default().fields("status.completionTime=");
        let at = "2026-01-01T00:00:00.000000Z";
        let status = json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
            "metadata": {"name": name, "uid": run.metadata.uid, "resourceVersion": run.metadata.resource_version},
            // Over at once: like the operator's, its finished runs are not in the list below.
            "status": {
                "facts": [{"name": "journaled", "at": at, "notBefore": at, "source": "bare"}],
                "completionTime": at,
            },
        });
        let params = PatchParams::apply("bare").force();
        runs.patch_status(&name, &params, &Patch::Apply(&status)).await.unwrap();
        runs.list(&under_way).await.unwrap();
        let eviction = json!({
            "metadata": {"name": victim.metadata.name},
            "deleteOptions": {"preconditions": {
                "uid": victim.metadata.uid, "resourceVersion": victim.metadata.resource_version}},
        });
        let (name, post) = (victim.metadata.name.as_deref().unwrap(), PostParams::default());
        // Another run may have been created meanwhile; the count of evictions tells.
        pods.create_subresource::<_, Value>("eviction", name, &post, &eviction).await.ok();
    }
}
