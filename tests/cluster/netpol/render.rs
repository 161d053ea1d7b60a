//! From the cluster's objects to the text of the nftables table of one node.
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString};
use kube::core::{Selector, SelectorExt};
use std::{collections::BTreeMap, fmt::Write, net::Ipv4Addr, sync::Arc};

type Labels = BTreeMap<String, String>;

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Ingress,
    Egress,
}

/// A pod as the packet filter sees it.
struct Endpoint {
    ip: Ipv4Addr,
    namespace: String,
    labels: Labels,
    node: String,
    ports: Vec<(String, String, i32)>,
}

/// None for pods without an address of their own: host network, not started yet, finished.
fn endpoint(pod: &Pod) -> Option<Endpoint> {
    let (spec, status) = (pod.spec.as_ref()?, pod.status.as_ref()?);
    if spec.host_network == Some(true)
        || matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"))
    {
        return None;
    }
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let ports = spec
        .containers
        .iter()
        .chain(sidecars)
        .flat_map(|c| c.ports.iter().flatten())
        .filter_map(|p| {
            Some((p.name.clone()?, protocol(p.protocol.as_deref())?.to_string(), p.container_port))
        })
        .collect();
    Some(Endpoint {
        ip: status.pod_ip.as_ref()?.parse().ok()?,
        namespace: pod.metadata.namespace.clone()?,
        labels: pod.metadata.labels.clone().unwrap_or_default(),
        node: spec.node_name.clone()?,
        ports,
    })
}

fn protocol(name: Option<&str>) -> Option<&'static str> {
    match name.unwrap_or("TCP") {
        "TCP" => Some("tcp"),
        "UDP" => Some("udp"),
        "SCTP" => Some("sctp"),
        _ => None,
    }
}

/// An empty selector matches everything, a malformed one nothing.
fn matches(selector: &LabelSelector, labels: &Labels) -> bool {
    Selector::try_from(selector.clone()).is_ok_and(|s| s.matches(labels))
}

struct World {
    endpoints: Vec<Endpoint>,
    namespaces: BTreeMap<String, Labels>,
}

impl World {
    /// The pods that one `podSelector`/`namespaceSelector` peer of a policy in `namespace` means.
    fn select<'a>(&'a self, namespace: &str, peer: &NetworkPolicyPeer) -> Vec<&'a Endpoint> {
        let none = Labels::new();
        let inside = |e: &&Endpoint| match &peer.namespace_selector {
            None => e.namespace == namespace,
            Some(s) => matches(s, self.namespaces.get(&e.namespace).unwrap_or(&none)),
        };
        let named =
            |e: &&Endpoint| peer.pod_selector.as_ref().is_none_or(|s| matches(s, &e.labels));
        self.endpoints.iter().filter(inside).filter(named).collect()
    }

    /// One rule of a policy that selects `target`, as nft lines; each lets its packets leave the
    /// chain ("return").
    fn rule(
        &self,
        dir: Direction,
        target: &Endpoint,
        peers: Option<&[NetworkPolicyPeer]>,
        ports: Option<&[NetworkPolicyPort]>,
    ) -> Vec<String> {
        let side = if dir == Direction::Ingress { "ip saddr" } else { "ip daddr" };
        // The match, and the pods it stands for, to resolve named ports.
        let mut who: Vec<(String, Vec<&Endpoint>)> = Vec::new();
        for peer in peers.unwrap_or_default() {
            if let Some(block) = &peer.ip_block {
                // The ground is IPv4 only.
                if block.cidr.contains(':') {
                    continue;
                }
                let mut text = format!("{side} {}", block.cidr);
                for out in block.except.iter().flatten() {
                    write!(text, " {side} != {out}").ok();
                }
                who.push((text, vec![]));
            } else {
                let pods = self.select(&target.namespace, peer);
                if pods.is_empty() {
                    continue;
                }
                let ips: Vec<_> = pods.iter().map(|e| e.ip.to_string()).collect();
                who.push((format!("{side} {{ {} }}", ips.join(", ")), pods));
            }
        }
        if peers.unwrap_or_default().is_empty() {
            // No peers: everyone.
            who.push((String::new(), self.endpoints.iter().collect()));
        }
        let mut lines = Vec::new();
        for (text, pods) in &who {
            if ports.unwrap_or_default().is_empty() {
                lines.push(format!("{text} return"));
            }
            for port in ports.unwrap_or_default() {
                let Some(proto) = protocol(port.protocol.as_deref()) else { continue };
                let named = |e: &Endpoint, name: &str| {
                    e.ports
                        .iter()
                        .filter(|(n, p, _)| n == name && p == proto)
                        .map(|p| p.2)
                        .collect::<Vec<_>>()
                };
                match &port.port {
                    None => lines.push(format!("{text} meta l4proto {proto} return")),
                    Some(IntOrString::Int(first)) => match port.end_port {
                        Some(last) => {
                            lines.push(format!("{text} {proto} dport {first}-{last} return"));
                        }
                        None => lines.push(format!("{text} {proto} dport {first} return")),
                    },
                    // A named port is the receiver's: the target itself, or each peer.
                    Some(IntOrString::String(name)) if dir == Direction::Ingress => lines.extend(
                        named(target, name)
                            .iter()
                            .map(|n| format!("{text} {proto} dport {n} return")),
                    ),
                    Some(IntOrString::String(name)) => {
                        for e in pods {
                            lines.extend(
                                named(e, name)
                                    .iter()
                                    .map(|n| format!("ip daddr {} {proto} dport {n} return", e.ip)),
                            );
                        }
                    }
                }
            }
        }
        lines
    }

    /// Everything the policies of one direction allow `target`; None when no policy selects it:
    /// then all is allowed.
    fn chain(
        &self,
        dir: Direction,
        target: &Endpoint,
        policies: &[Arc<NetworkPolicy>],
    ) -> Option<String> {
        let (mut selected, mut lines) = (false, Vec::new());
        for policy in policies {
            let Some(spec) = &policy.spec else { continue };
            if policy.metadata.namespace.as_ref() != Some(&target.namespace)
                || spec.pod_selector.as_ref().is_some_and(|s| !matches(s, &target.labels))
            {
                continue;
            }
            let kind = if dir == Direction::Ingress { "Ingress" } else { "Egress" };
            // The API server fills it in.
            let types = spec.policy_types.as_deref().unwrap_or_default();
            if !types.iter().any(|t| t == kind) {
                continue;
            }
            selected = true;
            match dir {
                Direction::Ingress => {
                    for r in spec.ingress.iter().flatten() {
                        lines.extend(self.rule(dir, target, r.from.as_deref(), r.ports.as_deref()));
                    }
                }
                Direction::Egress => {
                    for r in spec.egress.iter().flatten() {
                        lines.extend(self.rule(dir, target, r.to.as_deref(), r.ports.as_deref()));
                    }
                }
            }
        }
        lines.sort();
        lines.dedup();
        selected.then(|| {
            lines.iter().fold(String::new(), |text, l| text + "    " + l.trim_start() + "\n")
                + "    counter drop\n"
        })
    }
}

/// The whole table. Traffic between a node and its own pods (kubelet probes) does not pass the forward
/// hook, so it is never filtered; Service traffic is seen with the pod's address, because kube-proxy
/// rewrites it before (prerouting).
pub fn table(
    node: &str,
    cut: bool,
    policies: &[Arc<NetworkPolicy>],
    pods: &[Arc<Pod>],
    namespaces: &[Arc<Namespace>],
) -> String {
    let namespaces = namespaces
        .iter()
        .map(|n| {
            (
                n.metadata.name.clone().unwrap_or_default(),
                n.metadata.labels.clone().unwrap_or_default(),
            )
        })
        .collect();
    let mut endpoints: Vec<_> = pods.iter().filter_map(|p| endpoint(p)).collect();
    endpoints.sort_by_key(|e| e.ip);
    endpoints.dedup_by_key(|e| e.ip);
    let world = World { endpoints, namespaces };
    // Pods with the same rules share a chain.
    let mut chains: BTreeMap<String, usize> = BTreeMap::new();
    let (mut own, mut jumps) = (String::new(), [String::new(), String::new()]);
    for e in world.endpoints.iter().filter(|e| e.node == node) {
        let mut any = false;
        for (dir, jumps) in [Direction::Egress, Direction::Ingress].into_iter().zip(&mut jumps) {
            let Some(text) = world.chain(dir, e, policies) else { continue };
            let next = chains.len();
            let number = *chains.entry(text).or_insert(next);
            write!(jumps, "{} : jump c{number}, ", e.ip).ok();
            any = true;
        }
        if any {
            write!(own, "{0} . {0}, ", e.ip).ok();
        }
    }
    let mut out =
        String::from("table inet netpol\ndelete table inet netpol\ntable inet netpol {\n");
    for (text, number) in &chains {
        writeln!(out, "  chain c{number} {{\n{text}  }}").ok();
    }
    out += "  chain forward {\n    type filter hook forward priority filter - 5; policy accept;\n";
    out += if cut {
        "    ct state related accept\n    ct state established ct direction reply accept\n"
    } else {
        "    ct state established,related accept\n"
    };
    if !own.is_empty() {
        // A pod always reaches itself.
        writeln!(out, "    ip saddr . ip daddr {{ {own} }} accept").ok();
    }
    for (side, jumps) in ["saddr", "daddr"].into_iter().zip(&jumps) {
        if !jumps.is_empty() {
            writeln!(out, "    ip {side} vmap {{ {jumps} }}").ok();
        }
    }
    out + "  }\n}\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn pod(name: &str, ns: &str, ip: &str, node: &str) -> Arc<Pod> {
        let container = json!({"name": "c", "ports": [{"name": "web", "containerPort": 8080}]});
        let pod = json!({
            "metadata": {"name": name, "namespace": ns, "labels": {"app": name}},
            "spec": {"nodeName": node, "containers": [container]},
            "status": {"podIP": ip, "phase": "Running"},
        });
        Arc::new(from_value(pod).unwrap())
    }
    fn render(spec: &Value) -> String {
        let pods = [
            pod("a", "x", "10.0.0.1", "n1"),
            pod("b", "x", "10.0.0.2", "n2"),
            pod("c", "y", "10.0.0.3", "n2"),
        ];
        let namespaces = ["x", "y"].map(|n| {
            Arc::new(
                from_value::<Namespace>(json!({"metadata": {"name": n, "labels": {"team": n}}}))
                    .unwrap(),
            )
        });
        let policy = json!({"metadata": {"name": "p", "namespace": "x"}, "spec": spec});
        table("n1", false, &[Arc::new(from_value(policy).unwrap())], &pods, &namespaces)
    }

    #[test]
    fn default_deny_selects_only_pods_of_this_node() {
        let t = render(&json!({"podSelector": {}, "policyTypes": ["Ingress"]}));
        assert!(
            t.contains("ip daddr vmap { 10.0.0.1 : jump c0,  }")
                && !t.contains("10.0.0.2")
                && !t.contains("ip saddr vmap"),
            "{t}"
        );
    }
    #[test]
    fn peers_and_ports() {
        let team = json!([{"key": "team", "operator": "In", "values": ["y"]}]);
        let t = render(&json!({
            "podSelector": {"matchLabels": {"app": "a"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{
                "from": [{"podSelector": {}}, {"namespaceSelector": {"matchExpressions": team}}],
                "ports": [{"port": "web"}, {"port": 1000, "endPort": 2000, "protocol": "UDP"}],
            }],
            "egress": [
                {"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]},
                {
                    "to": [{"namespaceSelector": {"matchLabels": {"team": "y"}}}],
                    "ports": [{"port": "web"}],
                },
                {"ports": [{"port": 53, "protocol": "UDP"}]},
            ],
        }));
        for line in [
            "ip saddr { 10.0.0.1, 10.0.0.2 } tcp dport 8080 return",
            "ip saddr { 10.0.0.3 } udp dport 1000-2000 return",
            "ip daddr 10.0.0.0/8 ip daddr != 10.1.0.0/16 return",
            "ip daddr 10.0.0.3 tcp dport 8080 return",
            "    udp dport 53 return",
        ] {
            assert!(t.contains(line), "{line} in\n{t}");
        }
    }
    #[test]
    fn no_policy_no_filter() {
        let t = render(
            &json!({"podSelector": {"matchLabels": {"app": "nobody"}}, "policyTypes": ["Ingress"]}),
        );
        assert!(!t.contains("jump") && !t.contains("drop"), "{t}");
    }
}
