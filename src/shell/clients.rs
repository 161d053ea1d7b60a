//! As whom the operator asks: what breaks something as the runner of its namespace, everything else
//! as itself. Both go over the same connections.

use http::{HeaderValue, Request};
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use kube::{
    Client, Config,
    client::{Body, ConfigExt, retry::RetryPolicy},
};
use tower::{BoxError, ServiceBuilder, retry::RetryLayer};

use super::answers::{Turns, shortened};
use crate::api::names;

/// Two clients for a process that stays: one for reads and watches, which tries again by itself, and
/// one for writes, which never does; of both the answers are [shortened].
///
/// # Errors
/// When the connection cannot be set up.
pub fn pair(cluster: &Config) -> kube::Result<(Client, Client)> {
    let mut patient = cluster.clone();
    patient.read_timeout = Some(crate::shell::call::SILENCE);
    patient.connect_timeout = Some(crate::shell::call::CALL_TIMEOUT);
    let agent = HeaderValue::from_static(super::net::AGENT);
    patient.headers.push((http::header::USER_AGENT, agent));
    let mut strict = patient.clone();
    strict.default_retry = false;
    let turns = Turns::default();
    Ok((shortened(&client(patient)?, &turns), shortened(&client(strict)?, &turns)))
}

/// kube's own client, but for connections that send at once what they are given (`TCP_NODELAY`). Else
/// what is asked first after a resumed TLS handshake waits until the server acknowledges that
/// handshake, 40 ms later: Nagle's algorithm (RFC 1122, 4.2.3.4) meets a delayed acknowledgement.
///
/// # Errors
/// When the connection cannot be set up.
pub fn client(config: Config) -> kube::Result<Client> {
    if config.proxy_url.is_some() {
        return Client::try_from(config);
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let retry = config.default_retry.then(|| RetryLayer::new(RetryPolicy::server_retry()));
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(retry)
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(connector));
    Ok(Client::new(service, config.default_namespace))
}

/// A client that acts as that `ServiceAccount` of `namespace`, over the connections of `client`.
#[must_use]
pub fn acting_as(client: &Client, namespace: &str, account: &str) -> Client {
    // What fits no header is no namespace's name; nobody may do anything as that user.
    let user = HeaderValue::try_from(names::account_user(namespace, account))
        .unwrap_or(HeaderValue::from_static("system:anonymous"));
    let client = client.clone();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        request.headers_mut().insert("impersonate-user", user.clone());
        let client = client.clone();
        async move { client.send(request).await }
    });
    Client::new(service, namespace)
}

/// Which of the grants is missing where the runner was refused, and how to mend that; the API
/// server's own words where it is something else.
#[must_use]
pub fn refusal(words: &str, namespace: &str) -> String {
    let (runner, impersonator) = (names::RUNNER, names::IMPERSONATOR);
    // A server of 1.36 says this too where the whole RoleBinding is missing.
    let missing = if words.contains("cannot impersonate-on:") {
        format!("the RoleBinding {impersonator}, or this call in its Role, is missing")
    } else if words.contains("cannot impersonate") {
        format!("the RoleBinding {impersonator} does not let the operator act as {runner}")
    } else if words
        .contains(&format!("User \"{}\" cannot", names::account_user(namespace, names::RUNNER)))
    {
        format!("the RoleBinding {runner}, or this call in its Role, is missing")
    } else {
        return words.to_owned();
    };
    format!(
        "{missing} in namespace {namespace}; let its owner run: firedrill enable {namespace} ({words})"
    )
}

/// The same where the starter was refused.
#[must_use]
pub fn not_started(words: &str, namespace: &str) -> String {
    let user = names::account_user(namespace, names::STARTER);
    if words.contains("cannot impersonate") || words.contains(&format!("User \"{user}\" cannot")) {
        return format!(
            "nothing may be started in namespace {namespace} without somebody; let its owner run: \
             firedrill enable {namespace} --scheduled ({words})"
        );
    }
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(words: &str, missing: &str) {
        let said = refusal(words, "shop");
        assert!(said.contains(missing) && said.contains("firedrill enable shop"), "{said}");
    }

    #[test]
    fn each_missing_grant_is_named_with_its_remedy() {
        says(
            r#"pods "a" is forbidden: User "op" cannot impersonate-on:serviceaccount:delete resource "pods""#,
            "the RoleBinding firedrill-impersonator, or this call",
        );
        says(
            r#"serviceaccounts "firedrill-runner" is forbidden: User "op" cannot impersonate resource "serviceaccounts""#,
            "the RoleBinding firedrill-impersonator does not let",
        );
        says(
            r#"pods "a" is forbidden: User "system:serviceaccount:shop:firedrill-runner" cannot delete resource "pods""#,
            "the RoleBinding firedrill-runner",
        );
    }

    #[test]
    fn another_refusal_keeps_its_own_words() {
        let words = "pods \"a\" is forbidden: because it is being terminated";
        assert_eq!(refusal(words, "shop"), words);
    }
}
