"""Compares what runs report with the truth (truth.py), at random phases.

usage: accuracy.py RUNS SEED AUDIT_LOG MON_DIR SOCKET...     (inside the cluster's network)
"""
import json
import os
import random
import sys
import time

import cluster
import truth
from cluster import NAMESPACE, SYSTEM, kubectl

RUNS, SEED, AUDIT, MON, SOCKETS = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:]
INTERVAL, TIMEOUT, EVALUATION, MARGIN = 0.2, 0.2, 1.0, 0.1
# Name: the alert that is expected, and whether the operator polls and is notified.
SCENARIOS = {
    "in time": ("AccuracyDown", True, True),
    "late": ("AccuracyLate", True, True),
    "never": ("AccuracyNever", True, True),
    "webhook cut": ("AccuracyDown", True, False),
    "polling cut": ("AccuracyDown", False, True),
    "restarted": ("AccuracyDown", True, True),
}


def length(text):
    """Seconds of a duration such as 1m2.5s."""
    total, number = 0.0, ""
    units = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
    while text:
        cut = next(i for i, c in enumerate(text) if not (c.isdigit() or c == "."))
        number, text = text[:cut], text[cut:]
        unit = next(u for u in ("us", "ms", "s", "m", "h") if text.startswith(u))
        total, text = total + float(number) * units[unit], text[len(unit):]
    return total


def contains(took, low, high):
    """Whether the reported bounds can hold the truth, which is itself known within [low, high]."""
    return took is not None and took[0] <= high + 0.001 and took[1] >= low - 0.001


def judge(reported, real, allowed):
    detection, recovery = reported
    injected, back, fired = real["injected"], real["back"], real["fired"]
    if (fired is None) != (detection is None) or recovery is None:
        return False
    if fired is not None and not contains(detection, fired - injected[1], fired - injected[0]):
        return False
    widths = [took and took[1] - took[0] for took in reported]
    narrow = all(width is None or width <= most for width, most in zip(widths, allowed))
    return narrow and contains(recovery, back[0] - injected[1], back[1] - injected[0])


def run(name, alert):
    probe = {"service": "web", "port": 80, "path": "/healthz", "interval": "200ms", "timeout": "200ms"}
    return {
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun", "metadata": {"name": name},
        "spec": {"experiment": "accuracy", "template": {
            "hypothesis": "accuracy", "owner": "accuracy", "target": {"deployment": "web"},
            "fault": {"podKill": {"count": 2}}, "duration": "1m",
            "steadyState": [{"name": "answers", "http": probe}],
            "detection": {"within": "6s", "alerts": [f'{{alertname="{alert}"}}']},
            "recovery": {"within": "50s", "stableFor": "3s"}, "guards": {"minReady": 0, "steadyFor": "1s"}}}}


def restart(name, phase, runtime, offset):
    """Kills the operator midway; from its container's end to its successor's first look at the pods."""
    cluster.until('{.status.facts[?(@.name=="impactStarted")].name}', "impactStarted", name, 40)
    time.sleep(phase)
    old = cluster.containers(SYSTEM, "app.kubernetes.io/name=firedrill")
    cluster.kill_operator()
    end = time.time() + 30
    while time.time() < end:
        gone = runtime.ended(old)
        looks = [
            truth.stamp(event["stageTimestamp"]) for event in truth.audit(AUDIT, offset, NAMESPACE)
            if gone and event["verb"] == "list" and event["objectRef"]["resource"] == "pods"
            and event["userAgent"].startswith("firedrill/") and truth.stamp(event["stageTimestamp"]) > gone[0]]
        if looks:
            return min(looks) - gone[0]
        time.sleep(0.2)
    raise RuntimeError("no operator continued the run within 30 s")


def one(number, scenario, phase, runtime):
    alert, polling, webhook = SCENARIOS[scenario]
    cluster.quiet()
    cluster.operator(polling, webhook)
    time.sleep(phase)
    offset, name = os.path.getsize(AUDIT), f"r{number}"
    address = kubectl("-n", NAMESPACE, "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
    victims = cluster.containers(NAMESPACE, "app=web")
    # An operator that is restarted may come up on another node.
    clients = {node: truth.Client(f"/run/netns/{os.environ['ID']}-{node}", address, TIMEOUT) for node in cluster.nodes()}
    for client in clients.values():
        client.start()
    kubectl("-n", NAMESPACE, "create", "-f", "-", body=json.dumps(run(name, alert)))
    absence = restart(name, phase, runtime, offset) if scenario == "restarted" else 0.0
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Complete", f"experimentrun/{name}", "--timeout=120s")
    for client in clients.values():
        client.over.set()
        client.join()
    status = json.loads(kubectl("-n", NAMESPACE, "get", "experimentrun", name, "-o", "json"))["status"]
    log = kubectl("-n", NAMESPACE, "logs", "-l", "app=web", "--tail=-1")
    return status, found(alert, clients, offset, victims, runtime, log, absence), absence


def found(alert, clients, offset, victims, runtime, log, absence):
    """The truth, with its sources held against each other."""
    injected, ready = truth.injection_and_readiness(truth.audit(AUDIT, offset, NAMESPACE))
    failed, good = clients[cluster.operators_node()].back(injected[0])
    ended = runtime.ended(victims)
    started = runtime.started(cluster.containers(NAMESPACE, "app=web"))
    probed = truth.served(log, "firedrill/", injected[0])
    if len(ended) != 2 or ended[0] < injected[0]:
        raise RuntimeError(f"the runtime says that the victims ended at {ended}, evicted at {injected}")
    if len(started) != 2 or started[-1] > ready:
        raise RuntimeError(f"the runtime says that the new containers started at {started}, ready at {ready}")
    # No probe is served before a new container runs, and one is as soon as our own client is.
    if not probed or not started[0] <= probed[0] <= good + INTERVAL + TIMEOUT + absence:
        raise RuntimeError(f"the target served the operator first at {probed[:1]}, its containers started at {started}, it served us at {good}")
    back = max(failed, ready), max(good, ready)
    return {"injected": injected, "back": back, "fired": truth.fired(alert, injected[0])}


def planted(status, reported, real, allowed, tally):
    """Facts that are wrong by two seconds, and a receipt sold as the firing, must not be judged good."""
    shifted = tuple(took and (took[0] + 2, took[1] + 2) for took in reported)
    tally["shifted"][0] += not judge(shifted, real, allowed)
    tally["shifted"][1] += 1
    facts = {fact["name"]: truth.stamp(fact["at"]) for fact in status["facts"]}
    # Only a receipt that came later than the bounds are wide can be told from the firing.
    if reported[0] and facts.get("notified", 0) - real["fired"] > allowed[0]:
        receipt = facts["notified"] - facts["injected"]
        tally["receipt"][0] += not judge(((receipt - 0.1, receipt), reported[1]), real, allowed)
        tally["receipt"][1] += 1


def row(number, scenario, reported, real, allowed, absence, verdict, good):
    show = lambda took: f"{took[0]:7.3f} - {took[1]:6.3f}s" if took else "none"
    width = lambda took, most: f"{took[1] - took[0]:.3f}/{most:.2f}" if took else "-"
    start = real["injected"][0]
    firing = f"{real['fired'] - start:7.3f}s" if real["fired"] else "none"
    print(
        f"{number:4} {scenario:12} {show(reported[0]):>18} {firing:>9} {width(reported[0], allowed[0]):>11} "
        f"{show(reported[1]):>18} {real['back'][1] - start:7.3f}s {width(reported[1], allowed[1]):>11} {absence:7.2f}s  "
        f"{verdict}{'' if good else '  NOT HELD'}", flush=True)


def main():
    cluster.target()
    cluster.rules(MON)
    rng, runtime = random.Random(SEED), truth.Runtime(SOCKETS)
    held, rows, tally = 0, [], {"shifted": [0, 0], "receipt": [0, 0]}
    print(f"{'run':>4} {'scenario':12} {'detection':>18} {'true':>9} {'width/most':>11} {'recovery':>18} {'true':>8} {'width/most':>11} {'absence':>8}")
    for number in range(RUNS):
        scenario = list(SCENARIOS)[number % len(SCENARIOS)]
        status, real, absence = one(number, scenario, rng.uniform(0, 3), runtime)
        took = lambda part: tuple(length(status[part]["took"][key]) for key in ("min", "max")) if "took" in status.get(part, {}) else None
        reported = took("detection"), took("recovery")
        most = EVALUATION + INTERVAL + TIMEOUT + MARGIN + absence
        allowed = EVALUATION + MARGIN + absence, most
        good = judge(reported, real, allowed)
        held += good
        planted(status, reported, real, allowed, tally)
        row(number, scenario, reported, real, allowed, absence, status["verdict"], good)
        rows.append({"scenario": scenario, "reported": reported, "true": real, "allowed": allowed, "absence": absence, "held": good})
    runtime.close()
    caught = all(count == of and of > 0 for count, of in tally.values())
    os.makedirs("target/evidence", exist_ok=True)
    with open("target/evidence/accuracy.json", "w", encoding="utf-8") as out:
        json.dump({"seed": SEED, "held": held, "runs": RUNS, "planted": tally, "rows": rows}, out, indent=2)
    print(
        f"accuracy: seed {SEED}, the truth lies within the reported bounds in {held} of {RUNS}; planted: "
        f"shifted facts caught {tally['shifted'][0]}/{tally['shifted'][1]}, receipts sold as firing caught {tally['receipt'][0]}/{tally['receipt'][1]}")
    return 0 if held == RUNS and caught else 1


sys.exit(main())
