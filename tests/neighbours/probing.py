"""Attacks by what a run asks and by what it shows: addresses, alerts, another tenant's network, probes without number."""
import contextlib
import glob
import http.client
import json
import os
import time

from cluster import Api, at, eventually, get, kubectl, must
from ground import (
    MALLORY, QUIET, SHOP, apply, created, deployment, experiment, experiment_object, fact, finished, run, service, stands, waiting, waits,
)

PROMETHEUS = (os.environ["CONTROL_IP"], 9090)
RULES = f"{os.environ['STATE']}/mon/rules/neighbours.yml"
# What mallory must read nowhere: the name, the namespace and a label of another tenant's alert.
SECRETS = ("TenantBSecret", "tenb", "acme-corp")


def freed_address(here):
    """A Service that is probed is deleted, and its address given to another tenant's."""
    apply(here.namespace, deployment("front", SHOP), service("front"))
    apply(QUIET, deployment("victim", SHOP, 1, environment={"ACCESS_LOG": "1"}))
    stands(here.namespace, "front")
    stands(QUIET, "victim")
    probe = {"name": "answers", "http": {"service": "front", "port": 80, "path": "/admin?delete=all", "interval": "100ms"}}
    spec = experiment("front", steadyState=[probe], recovery={"stableFor": "2m", "within": "5m"})
    created(here, "experimentruns", [run("goes-on", spec)])
    fact(here.namespace, "goes-on", "injected")
    address = get("services", here.namespace, "front")["spec"]["clusterIP"]
    Api(MALLORY).ask("DELETE", at("services", here.namespace, "front"))
    deleted = time.time()
    try:
        Api().ask("POST", at("services", QUIET), service("victim", address))
        # Until kube-proxy knows of it, mallory's own pods still answer there.
        eventually("an answer of the other tenant's pod at that address", 20,
                   lambda: answered(address, "/ours") and any(path == "/ours" for _, path in asked_of("victim")))
        time.sleep(10)
        must(not get("experimentruns", here.namespace, "goes-on")["status"].get("completionTime"), "the run has ended, and asks nobody")
        asked = list(asked_of("victim"))
    finally:
        Api().ask("DELETE", at("services", QUIET, "victim"))
        kubectl("-n", QUIET, "delete", "deployment", "victim")
    foreign = [float(when) - deleted for when, path in asked if path.startswith("/admin")]
    late = [after for after in foreign if after > 1]
    must(not late, f"{len(late)} of mallory's probes reached the other tenant's pod, the last one {late[-1] if late else 0:.1f} s later")
    return f"{len(foreign)} of mallory's probes reached the other tenant's pod in the first second, none later"


def answered(address, path):
    connection = http.client.HTTPConnection(address, 80, timeout=1)
    with contextlib.suppress(OSError):
        connection.request("GET", path)
        return connection.getresponse().status == 200
    return False


def asked_of(app):
    """When the other tenant's pods were asked, and for what: the runtime puts three words before each line of theirs."""
    for node in os.environ["NODES"].split():
        for name in glob.glob(f"{os.environ['STATE']}/{node}/pods-log/{QUIET}_{app}-*/*/*.log"):
            with open(name, encoding="utf-8") as log:
                yield from (line.split(" ")[3:5] for line in log)


def prometheus(method, path):
    connection = http.client.HTTPConnection(*PROMETHEUS, timeout=5)
    connection.request(method, path)
    return connection.getresponse().read().decode()


@contextlib.contextmanager
def firing(namespace):
    """Two alerts fire: another tenant's, and one of mallory's own."""
    secret, namespace_of_it, customer = SECRETS
    labels = {secret: {"namespace": namespace_of_it, "customer": customer}, "Own": {"namespace": namespace, "customer": "mallory"}}
    rules = [{"alert": name, "expr": "vector(1)", "labels": label} for name, label in labels.items()]
    try:
        with open(RULES, "w", encoding="utf-8") as file:
            json.dump({"groups": [{"name": "neighbours", "rules": rules}]}, file)
        prometheus("POST", "/-/reload")
        yield
    finally:
        os.remove(RULES)
        prometheus("POST", "/-/reload")


def foreign_labels(here):
    """An alert of another namespace fires, to all sources, while a run expects whatever names a customer."""
    apply(here.namespace, deployment("slow", SHOP, 1, environment={"WARM_UP": "4"}), service("slow"))
    stands(here.namespace, "slow")
    # Longer away than it takes to be noticed in time, so that a debrief is opened.
    probe = {"name": "answers", "tcp": {"service": "slow", "port": 80}}
    detection = {"alerts": ['{customer=~"acme.*"}', '{alertname="Mine"}'], "within": "2s"}
    spec = experiment(
        "slow", tolerates=False, steadyState=[probe], detection=detection, recovery={"stableFor": "10s", "within": "1m"},
        guards={"steadyFor": "1s", "minReady": 0})
    asks = experiment(detection={"alerts": ['{alertname="TenantBSecre",customer="nobody"}']})
    created(here, "experimentruns", [run("curious", spec)])
    fact(here.namespace, "curious", "injected")
    with firing(here.namespace):
        created(here, "experiments", [experiment_object("asks", asks)])
        eventually("Ready of the Experiment", 30, lambda: get("experiments", here.namespace, "asks").get("status", {}).get("conditions"))
        ended = finished(here.namespace, "curious", 90)
    fired = [alert["labels"]["alertname"] for alert in ended.get("detection", {}).get("alsoFired", [])]
    must("Own" in fired, f"mallory's own alert is not told either, so this tells nothing: {ended.get('summary')}")
    kinds = ("experiments", "experimentruns", "debriefs", "events")
    seen = {kind: kubectl("--as", MALLORY, "-n", here.namespace, "get", kind, "-o", "json") for kind in kinds}
    must('"items": []' not in seen["debriefs"], f"no debrief was opened, so none tells anything: {ended.get('summary')}")
    read = [f"{secret} in {kind}" for kind, text in seen.items() for secret in SECRETS if secret in text]
    must(not read, f"mallory reads {', '.join(read)}")
    return f"it is nowhere in {', '.join(kinds)}; mallory's own is told"


def other_egress(here):
    """A policy closes the egress of a run's target by a label that is not in its selector: while the run is under way,
    and before one begins."""
    closed = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "closed"},
              "spec": {"podSelector": {"matchLabels": {"tier": "secure"}}, "policyTypes": ["Egress"]}}
    apply(here.namespace, deployment("secure", SHOP, labels={"tier": "secure"}), service("secure"))
    stands(here.namespace, "secure")
    probe = {"name": "answers", "http": {"service": "secure", "port": 80, "path": "/healthz"}}
    spec = experiment("secure", fault={"dependencyOutage": {"egress": {"cidr": "203.0.113.0/24"}, "observe": probe}})
    created(here, "experimentruns", [run("before", spec)])
    fact(here.namespace, "before", "injected")
    created(here, "networkpolicies", [closed])
    began = time.time()
    why = fact(here.namespace, "before", "revertStarted", 15).get("detail", "")
    fact(here.namespace, "before", "reverted", 15)
    took = time.time() - began
    must("NetworkPolicy closed restricts the egress" in why, f"the run is ended because of: {why}")
    finished(here.namespace, "before")
    created(here, "experimentruns", [run("after", spec)])
    summary = finished(here.namespace, "after").get("summary", "")
    must("NetworkPolicy closed restricts the egress" in summary, summary)
    return f"what was under way is reverted {took:.1f} s after the other policy; then {summary.split('. Use')[0]}"


def probes(here):
    """200 waiting runs with 8 probes each, every 100 ms, while another tenant's run is measured."""
    asked = [{"name": f"p{number}", "tcp": {"service": "web", "port": 80, "interval": "100ms"}} for number in range(8)]
    apply(QUIET, deployment("shop", SHOP), service("shop"))
    stands(QUIET, "shop")
    waiting(here, 200, waits(steadyState=asked))
    probe = {"name": "answers", "http": {"service": "shop", "port": 80, "path": "/healthz"}}
    spec = experiment("shop", steadyState=[probe], guards={"steadyFor": "5s"}, recovery={"stableFor": "5s"})
    Api().ask("POST", at("experimentruns", QUIET), run("measured", spec))
    try:
        ended = finished(QUIET, "measured", 120)
    finally:
        Api().ask("DELETE", at("experimentruns", QUIET, "measured"))
        kubectl("-n", QUIET, "delete", "deployment/shop", "service/shop")
    refused = [one["status"]["summary"] for one in Api().ask("GET", at("experimentruns", here.namespace))["items"] if "summary" in one["status"]]
    counts = ended.get("impact", {}).get("probes", {})
    said = f"{ended['verdict']}: {ended.get('summary')}"
    must(ended["verdict"] not in ("NotRecovered", "Error"), said)
    must("address" not in counts.get("lastFailure", ""), f"a failed sample: {counts.get('lastFailure')}")
    return (f"{len(refused)} of the 200 runs are refused{': ' + refused[0] if refused else ''}; another tenant's run, "
            f"{counts.get('failed')} of {counts.get('total')} probes failed: {said}")


def polls(here):
    """60 waiting runs, each of which needs to know which alerts are on."""
    waiting(here, 60)
    before, began = requests(), time.time()
    time.sleep(10)
    rate = (requests() - before) / (time.time() - began)
    must(rate <= 5, f"Prometheus is asked {rate:.0f} times a second")
    return f"Prometheus is asked {rate:.1f} times a second"


def requests():
    """How many requests to its API Prometheus has answered."""
    lines = prometheus("GET", "/metrics").splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("prometheus_http_requests_total") and 'handler="/api/' in line)
