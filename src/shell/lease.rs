//! The Lease that a process renews in its own namespace, by which others see that it is alive. Correctness
//! needs no leader: a guard asks for the reaper's, and people's commands for the operator's.

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;

use super::{clock::Wall, list};
use crate::{
    api::{Duration, Moment, names::FIELD_MANAGER},
    core::guards::ALIVE,
    shell::call::{Error, call},
};

const RENEW_EVERY: Duration = Duration::seconds(10);

/// The namespace of a process that is alive by its Lease of that name. It is looked for in every namespace,
/// because nobody but its administrator knows where it is installed.
///
/// # Errors
/// What the API server says: then nobody knows whether one is alive.
pub async fn holder(client: &Client, name: &str, now: Moment) -> Result<Option<String>, Error> {
    let leases: Api<Lease> = Api::all(client.clone());
    let named = ListParams::default().fields(&format!("metadata.name={name}"));
    let leases = list::all("list the Leases", &leases, named).await?;
    Ok(leases.iter().find(|lease| is_alive(lease, now)).and_then(ResourceExt::namespace))
}

/// When the process that renews this Lease last did; absent where there is none.
///
/// # Errors
/// What the API server says.
pub async fn renewed_at(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<Option<Moment>, Error> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let lease = call("read the Lease", leases.get_opt(name)).await?;
    Ok(lease.and_then(|lease| renewal(lease.spec.as_ref()?)))
}

fn renewal(spec: &LeaseSpec) -> Option<Moment> {
    spec.renew_time.as_ref().map(|time| Moment::new(time.0))
}

/// Whether the process that renews it is alive; one of another version may renew it more rarely, and says so
/// in its Lease.
fn is_alive(lease: &Lease, now: Moment) -> bool {
    let Some(spec) = &lease.spec else { return false };
    let own = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let lasts = own.map_or(ALIVE, |seconds| Duration::seconds(seconds).max(ALIVE));
    renewal(spec).is_some_and(|renewed| Duration::between(renewed, now) <= lasts)
}

/// Renews the Lease `name` until the task ends; outside a cluster there is none.
pub async fn renew(client: Client, wall: Wall, namespace: Option<&str>, name: &str) {
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
                "leaseDurationSeconds": ALIVE.std().as_secs(),
                "renewTime": wall.now(),
            },
        });
        if let Err(error) =
            call("renew the Lease", leases.patch(name, &params, &Patch::Apply(&body))).await
        {
            tracing::warn!(%error, "the Lease could not be renewed");
        }
        tokio::time::sleep(RENEW_EVERY.std()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{Request, Response};
    use kube::client::Body;

    use super::*;
    use crate::core::signals::pods::tests::at;

    /// Whether that process is alive a minute after the beginning.
    fn is_alive(spec: &serde_json::Value) -> bool {
        let lease = json!({"metadata": {"name": "l", "namespace": "n"}, "spec": spec});
        super::is_alive(&serde_json::from_value(lease).unwrap(), at(60.0))
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_renewed_by_the_wall_clock_however_often_that_is_set() {
        let renewed = Arc::new(Mutex::new(Vec::new()));
        let (told, counted) = (renewed.clone(), renewed.clone());
        // At each renewal the wall clock was set an hour ahead.
        let hours = move || u32::try_from(counted.lock().unwrap().len()).unwrap();
        let wall = Wall::of(move || at(3600.0 * f64::from(hours())));
        let server = tower::service_fn(move |request: Request<Body>| {
            let told = told.clone();
            async move {
                let body = request.into_body().collect_bytes().await.unwrap();
                let lease: Lease = serde_json::from_slice(&body).unwrap();
                told.lock().unwrap().extend(lease.spec.as_ref().and_then(renewal));
                Ok::<_, kube::Error>(Response::new(Body::from(body.to_vec())))
            }
        });
        let client = Client::new(server, "n");
        let renewals = renew(client, wall, Some("n"), "l");
        tokio::time::timeout(RENEW_EVERY.std() * 2, renewals).await.unwrap_err();
        assert_eq!(renewed.lock().unwrap()[..2], [at(0.0), at(3600.0)]);
    }

    #[test]
    fn a_process_is_alive_as_long_as_its_lease_lasts_at_the_least_half_a_minute() {
        assert!(is_alive(&json!({"renewTime": at(31.0), "leaseDurationSeconds": 30})));
        assert!(!is_alive(&json!({"renewTime": at(29.0), "leaseDurationSeconds": 30})));
        assert!(is_alive(&json!({"renewTime": at(1.0), "leaseDurationSeconds": 60})));
        assert!(is_alive(&json!({"renewTime": at(31.0), "leaseDurationSeconds": 1})));
        assert!(is_alive(&json!({"renewTime": at(31.0)})));
        assert!(is_alive(&json!({"renewTime": at(90.0)})), "its clock is ahead of ours");
        assert!(!is_alive(&json!({"holderIdentity": "nobody yet"})));
    }
}
