"""Namespaces with payments of the demo shop, its experiment and its alert, so that every gate is open until one is closed."""
import json
import os
import subprocess
import threading

from cluster import STATE, apply, eventually, get, kubectl, namespace, side_by_side

ROOT = os.getcwd()
EXPERIMENT = "payments-heals-by-itself"
# An alert that exists and never fires, for whoever must expect one.
QUIET = {"alert": "GameDayQuiet", "expr": "vector(0) > 1"}
RULES = f"{STATE}/mon/rules/gamedays.yml"
rules, writing = [QUIET], threading.Lock()


def shop_experiments():
    kubectl("apply", "-f", f"{ROOT}/experiments/demo/1-heals-by-itself.yaml", "-f", f"{ROOT}/experiments/demo/2-noticed-in-time.yaml",
            "-f", f"{ROOT}/experiments/demo/3-alert-waits-too-long.yaml")


def experiment():
    """The demo's first one, as the shop has it."""
    return get("shop", "experiments", EXPERIMENT)["spec"]


def payments():
    """The shop's own Deployment and Service, in another namespace."""
    found = [get("shop", kind, "payments") for kind in ("deployments", "services")]
    for one in found:
        one["metadata"] = {"name": "payments", "labels": {"app": "payments"}}
        one.pop("status", None)
    found[1]["spec"] = {key: found[1]["spec"][key] for key in ("selector", "ports")}
    return found


def deployment(name, image):
    """One pod that does nothing."""
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}}, "spec": {
            "terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": image, "imagePullPolicy": "Never"}]}}}}


def expect(*new):
    """Adds alerting rules."""
    with writing:
        rules.extend(new)
        with open(RULES, "w", encoding="utf-8") as file:
            json.dump({"groups": [{"name": "gamedays", "rules": rules}]}, file)
        subprocess.run(["curl", "-sf", "-XPOST", "http://127.0.0.1:9090/-/reload"], check=True)


def rule(name):
    return {"alert": "PaymentsDown", "expr": f'absent(up{{namespace="{name}", app="payments"}} == 1)', "for": "10s",
            "labels": {"severity": "page", "namespace": name, "team": "payments"}}


def stand(*names):
    """Makes these namespaces, and waits until everything in them is ready."""
    templates, spec = payments(), experiment()

    def one(name):
        namespace(name)
        objects = [*templates, deployment("other", "registry.local/pause:3.10"),
                   {"apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": EXPERIMENT}, "spec": spec}]
        apply(*[{**each, "metadata": {**each["metadata"], "namespace": name}} for each in objects])
        for workload in ("payments", "other"):
            kubectl("-n", name, "rollout", "status", f"deployment/{workload}", "--timeout=180s")
    side_by_side(one, names)
    expect(*[rule(name) for name in names])


def hold(name):
    """A run that is live for minutes and breaks nothing: it waits until the steady state has lasted long enough."""
    spec = experiment() | {"target": {"deployment": "other"}, "fault": {"podKill": {"count": 1}},
                           "guards": {"minReady": 0, "steadyFor": "8m"}}
    run = {"apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun", "metadata": {"name": "held", "namespace": name},
           "spec": {"experiment": "held", "startWithin": "15m", "template": spec}}
    kubectl("create", "-f", "-", body=json.dumps(run))
    eventually(f"run held of {name} to be taken up", 30, lambda: get(name, "experimentruns", "held").get("status", {}).get("facts"))
