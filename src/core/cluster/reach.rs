//! How probes reach Services: their address, and what to do where nobody answers there.

use std::net::SocketAddr;

use k8s_openapi::{
    api::core::v1::{Service, ServicePort},
    apimachinery::pkg::util::intstr::IntOrString,
};

/// What a port says that closes a connection in place of an answer.
pub const NO_ANSWER: &str = "the connection was closed without an answer";
/// What a port says that speaks another protocol.
pub const NOT_HTTP: &str = "the answer is not HTTP/1";
/// What a port says that ends a connection by force.
pub const RESET: &str = "connection reset";
/// What a port says on which nobody listens.
pub const REFUSED: &str = "connection refused";

/// The address of that port of the Service called `name`, by its number or name, as its users reach it.
///
/// # Errors
/// Why it has none, which no waiting changes, and what to do.
pub fn address(
    service: Option<&Service>,
    (namespace, name): (&str, &str),
    port: &IntOrString,
) -> Result<SocketAddr, String> {
    let Some(service) = service else {
        return Err(format!(
            "there is no Service {name} in namespace {namespace}: create it, or name one that is there"
        ));
    };
    let spec = service.spec.clone().unwrap_or_default();
    let cannot = |why: &str| {
        format!(
            "Service {name} {why}, so it has no address that a probe could ask: name a Service with a ClusterIP"
        )
    };
    if spec.type_.as_deref() == Some("ExternalName") {
        return Err(cannot("is of type ExternalName"));
    }
    let ip = spec.cluster_ip.unwrap_or_default();
    let ip = ip.parse().map_err(|_| cannot("is headless (clusterIP: None)"))?;
    let ports = spec.ports.unwrap_or_default();
    let tcp = |one: &&ServicePort| one.protocol.as_deref().unwrap_or("TCP") == "TCP";
    let ports: Vec<_> = ports.iter().filter(tcp).collect();
    let (number, port) = match port {
        IntOrString::Int(number) => (Some(*number), number.to_string()),
        IntOrString::String(text) => (text.parse().ok(), text.clone()),
    };
    let wanted = |one: &&&ServicePort| match number {
        Some(number) => one.port == number,
        None => one.name.as_ref() == Some(&port),
    };
    let found = ports.iter().find(wanted).and_then(|one| u16::try_from(one.port).ok());
    if let Some(found) = found {
        return Ok(SocketAddr::new(ip, found));
    }
    let label = |one: &&ServicePort| match &one.name {
        Some(name) => format!("{} ({name})", one.port),
        None => one.port.to_string(),
    };
    let has: Vec<_> = ports.iter().map(label).collect();
    if has.is_empty() {
        return Err(format!("Service {name} has no TCP port: name a Service that has one"));
    }
    let has = has.join(", ");
    Err(format!("Service {name} has no TCP port {port}: name one that it has, {has}"))
}

/// What to do about a port that has never given a good answer; an HTTP status says it itself.
#[must_use]
pub fn remedy(address: Option<SocketAddr>, said: &str, inside: bool) -> String {
    let Some(address) = address.filter(|_| !said.starts_with("HTTP ")) else {
        return String::new();
    };
    let remedy = match (said, inside) {
        (NO_ANSWER | NOT_HTTP | RESET, _) => {
            "a port that speaks gRPC, HTTP/2 or TLS is probed with tcp in place of http"
        }
        (_, false) => {
            "where the operator runs outside of the cluster's network it cannot reach Services: run it in the cluster"
        }
        (REFUSED, true) => {
            "see that the Service selects ready pods and that they listen on its targetPort"
        }
        (_, true) => {
            "see that the Service's pods are ready and that no NetworkPolicy keeps the operator out"
        }
    };
    format!(" at {address}; {remedy}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_service_without_an_address_for_a_probe_is_told_in_a_sentence_with_its_remedy() {
        let web = json!({"clusterIP": "10.96.0.7", "ports": [{"port": 80, "name": "http"}, {"port": 443, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]});
        let headless = json!({"clusterIP": "None", "ports": [{"port": 80}]});
        let external = json!({"type": "ExternalName", "externalName": "db.example.com"});
        let datagrams =
            json!({"clusterIP": "10.96.0.8", "ports": [{"port": 53, "protocol": "UDP"}]});
        let no_ip = "so it has no address that a probe could ask: name a Service with a ClusterIP";
        for (spec, port, says) in [
            (&web, "80", "10.96.0.7:80".to_owned()),
            (&web, "443", "10.96.0.7:443".to_owned()),
            (&web, "http", "10.96.0.7:80".to_owned()),
            (
                &web,
                "dns",
                "Service web has no TCP port dns: name one that it has, 80 (http), 443".to_owned(),
            ),
            (
                &web,
                "8080",
                "Service web has no TCP port 8080: name one that it has, 80 (http), 443".to_owned(),
            ),
            (
                &web,
                "53",
                "Service web has no TCP port 53: name one that it has, 80 (http), 443".to_owned(),
            ),
            (
                &datagrams,
                "53",
                "Service web has no TCP port: name a Service that has one".to_owned(),
            ),
            (&headless, "80", format!("Service web is headless (clusterIP: None), {no_ip}")),
            (&external, "80", format!("Service web is of type ExternalName, {no_ip}")),
            (
                &Value::Null,
                "80",
                "there is no Service web in namespace shop: create it, or name one that is there"
                    .to_owned(),
            ),
        ] {
            let service = (!spec.is_null())
                .then(|| serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap());
            let text = IntOrString::String(port.to_owned());
            for port in port.parse().map(IntOrString::Int).into_iter().chain([text]) {
                let found = address(service.as_ref(), ("shop", "web"), &port);
                assert_eq!(found.map_or_else(|why| why, |at| at.to_string()), says);
            }
        }
    }

    #[test]
    fn an_operator_inside_the_cluster_is_not_told_to_go_there() {
        let address = Some("10.96.0.7:80".parse().unwrap());
        let outside = " at 10.96.0.7:80; where the operator runs outside of the cluster's network it cannot reach Services: run it in the cluster";
        let other = " at 10.96.0.7:80; a port that speaks gRPC, HTTP/2 or TLS is probed with tcp in place of http";
        let refused = " at 10.96.0.7:80; see that the Service selects ready pods and that they listen on its targetPort";
        let silent = " at 10.96.0.7:80; see that the Service's pods are ready and that no NetworkPolicy keeps the operator out";
        for (said, inside, outside) in [
            ("HTTP 404", "", ""),
            (NOT_HTTP, other, other),
            (NO_ANSWER, other, other),
            (RESET, other, other),
            (REFUSED, refused, outside),
            ("timed out", silent, outside),
            ("host unreachable", silent, outside),
        ] {
            assert_eq!(remedy(address, said, true), inside, "{said}");
            assert_eq!(remedy(address, said, false), outside, "{said}");
        }
        assert_eq!(remedy(None, "read the Service: no answer within 5s", true), "");
    }
}
