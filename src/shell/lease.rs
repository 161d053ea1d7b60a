//! Renews a Lease in a process's own namespace, by which others see that it is alive. Correctness
//! needs no leader; a guard asks for the reaper's.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{call, clock::Clock};
use crate::api::names::FIELD_MANAGER;

const RENEW_EVERY: Duration = Duration::from_secs(10);
const DURATION_SECONDS: u64 = 30;

/// Renews the Lease `name` until the task ends; outside a cluster there is none.
pub async fn renew(client: Client, clock: Clock, namespace: Option<&str>, name: &str) {
    let Some(namespace) = namespace else {
        return std::future::pending().await;
    };
    let leases: Api<Lease> = Api::namespaced(client, namespace);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    loop {
        let body = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name},
            "spec": {
                "holderIdentity": format!("firedrill/{}", env!("CARGO_PKG_VERSION")),
                "leaseDurationSeconds": DURATION_SECONDS,
                "renewTime": clock.now(),
            },
        });
        if let Err(error) =
            call("renew the Lease", leases.patch(name, &params, &Patch::Apply(&body))).await
        {
            tracing::warn!(%error, "the Lease could not be renewed");
        }
        tokio::time::sleep(RENEW_EVERY).await;
    }
}
