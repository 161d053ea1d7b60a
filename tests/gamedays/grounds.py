"""Namespaces with payments of the demo shop, its experiment and its alert, so that every gate is open until one is closed."""
import json
import os
import subprocess

from cluster import STATE, apply, eventually, get, kubectl, namespace

ROOT = os.getcwd()
EXPERIMENT = "payments-heals-by-itself"
grounds = []


def shop_experiments():
    kubectl("apply", "-f", f"{ROOT}/experiments/demo/1-heals-by-itself.yaml", "-f", f"{ROOT}/experiments/demo/2-noticed-in-time.yaml",
            "-f", f"{ROOT}/experiments/demo/3-alert-waits-too-long.yaml")


def experiment():
    """The demo's first one, as the shop has it."""
    return get("-n", "shop", "experiment", EXPERIMENT)["spec"]


def payments():
    """The shop's own Deployment and Service, in another namespace."""
    found = [get("-n", "shop", kind, "payments") for kind in ("deployment", "service")]
    for one in found:
        one["metadata"] = {"name": "payments", "labels": {"app": "payments"}}
        one.pop("status", None)
    found[1]["spec"] = {key: found[1]["spec"][key] for key in ("selector", "ports")}
    return found


def rule(name):
    return {"alert": "PaymentsDown", "expr": f'absent(up{{namespace="{name}", app="payments"}} == 1)', "for": "20s",
            "labels": {"severity": "page", "namespace": name, "team": "payments"}}


def stand(*names):
    """Makes these namespaces, and waits until everything in them is ready."""
    templates = payments()
    for name in names:
        namespace(name)
        objects = [{**one, "metadata": {**one["metadata"], "namespace": name}} for one in templates]
        spec = {"apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": EXPERIMENT, "namespace": name}, "spec": experiment()}
        apply(*objects, spec)
        grounds.append(name)
    with open(f"{STATE}/mon/rules/gamedays.yml", "w", encoding="utf-8") as file:
        json.dump({"groups": [{"name": "gamedays", "rules": [rule(name) for name in grounds]}]}, file)
    subprocess.run(["curl", "-sf", "-XPOST", "http://127.0.0.1:9090/-/reload"], check=True)
    for name in names:
        kubectl("-n", name, "rollout", "status", "deployment/payments", "--timeout=120s")


def hold(name):
    """A run that is live for minutes and breaks nothing: it waits until the steady state has lasted long enough."""
    spec = experiment()
    spec["guards"] = {**spec["guards"], "steadyFor": "8m"}
    run = {"apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun", "metadata": {"name": "held", "namespace": name},
           "spec": {"experiment": "held", "startWithin": "15m", "template": spec}}
    kubectl("create", "-f", "-", body=json.dumps(run))
    eventually(f"run held of {name} to be taken up", 30, lambda: get("-n", name, "experimentrun", "held").get("status", {}).get("facts"))
