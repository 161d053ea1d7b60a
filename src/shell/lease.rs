//! Renews a Lease in the operator's own namespace, by which people see that an operator is alive.
//! Nothing depends on it: correctness needs no leader.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{Context, call};
use crate::api::names::FIELD_MANAGER;

/// Name of the Lease.
pub const NAME: &str = "firedrill-operator";
const RENEW_EVERY: Duration = Duration::from_secs(10);
const DURATION_SECONDS: u64 = 30;

/// Renews the Lease until the task ends; outside a cluster there is none.
pub async fn renew(context: Arc<Context>) {
    let Some(namespace) = &context.own_namespace else {
        return std::future::pending().await;
    };
    let leases: Api<Lease> = Api::namespaced(context.writes.clone(), namespace);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    loop {
        let body = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": NAME},
            "spec": {
                "holderIdentity": format!("firedrill/{}", env!("CARGO_PKG_VERSION")),
                "leaseDurationSeconds": DURATION_SECONDS,
                "renewTime": context.clock.now(),
            },
        });
        if let Err(error) =
            call("renew the Lease", leases.patch(NAME, &params, &Patch::Apply(&body))).await
        {
            tracing::warn!(%error, "the Lease could not be renewed");
        }
        tokio::time::sleep(RENEW_EVERY).await;
    }
}
