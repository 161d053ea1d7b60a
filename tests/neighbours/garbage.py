"""Statuses that an administrator, or a bug, has written over those of runs, so that nobody can judge the runs."""
import contextlib
import datetime
import json
import os
import time

from cluster import Api, Refused, at, eventually, get, kubectl, must
from ground import changed, created, experiment, fact, run, status, waits

# How often the status of a run may be written to which nothing happens.
WRITES = 20


def overwritten(here, name, change):
    """Puts in place of a run's status what `change` makes of it."""
    changed(at("experimentruns", here.namespace, name), lambda found: change(found["status"]), part="/status")


def garbage():
    """By the names of runs that wait, what makes of their status one that no run comes to."""
    clock = datetime.datetime.now(datetime.UTC)
    instants = (clock, clock + datetime.timedelta(minutes=5))
    now, soon = (instant.isoformat(timespec="microseconds").replace("+00:00", "Z") for instant in instants)
    largest = {"probes": {"total": 2**63 - 1, "failed": 2**63 - 1}, "unavailablePodSeconds": 1e300}

    def seen(*names, **more):
        def change(found):
            found.pop("plan", None)
            found["facts"] += [{"name": name, "at": now, "notBefore": now, "source": "operator"} for name in names]
            found.update(more)
        return change
    return {
        "injected-without-plan": seen("injected"),
        "journaled-without-plan": seen("journaled"),
        "both-without-plan": seen("journaled", "injected"),
        "for-ever": seen("journaled", "injected", plan={"spec": experiment(), "deadline": "8999-12-31T23:59:59Z"}),
        "probes-at-the-maximum": seen("journaled", "injected", plan={"spec": experiment(), "deadline": soon}, impact=largest),
    }


def unjudgeable(here):
    """Six runs with a status that no run comes to, one of them with its fault in place."""
    changes = {**garbage(), "armed": lambda found: found.pop("plan")}
    created(here, "experimentruns", [run(name, waits()) for name in changes if name != "armed"])
    armed(here)
    begins, began = os.path.getsize(here.audit), time.time()
    try:
        for name, change in changes.items():
            fact(here.namespace, name, "accepted")
            overwritten(here, name, change)
        eventually("the end of the fault of the run whose plan is gone", 60, lambda: not is_blackholed(here))
        freed = time.time() - began
        words = [complete(here.namespace, name) for name in changes if name != "probes-at-the-maximum"]
        time.sleep(max(0.0, began + 20 - time.time()))
        most = writes(here, begins)
        must(most <= WRITES, f"one status was written {most} times in {time.time() - began:.0f} s")
        for name in changes:
            Api().ask("DELETE", at("experimentruns", here.namespace, name))
        for name in changes:
            eventually(f"run {name} to be gone", 30, lambda gone=name: is_gone(here.namespace, gone))
    finally:
        let_go(here)
    return (f"the fault is ended after {freed:.1f} s, at most {most} writes of one status, all {len(changes)} runs can be deleted; "
            f"{words[0]}")


def let_go(here):
    """Takes the finalizers of runs that the operator does not let go, so that their namespace can end."""
    free = json.dumps({"metadata": {"finalizers": None}})
    for one in Api().ask("GET", at("experimentruns", here.namespace))["items"]:
        # One that the operator has let go meanwhile is not there any more.
        with contextlib.suppress(RuntimeError):
            kubectl("-n", here.namespace, "patch", "experimentrun", one["metadata"]["name"], "--type=merge", "-p", free)


def armed(here):
    """A run whose fault is in place: the Service web selects nothing."""
    fault = {"dependencyOutage": {"blackhole": {"service": "web"}}}
    created(here, "experimentruns", [run("armed", experiment(fault=fault, duration="30s"))])
    fact(here.namespace, "armed", "injected")
    must(is_blackholed(here), "the fault is not in place, so its end tells nothing")


def is_blackholed(here):
    return "firedrill.dev/blackhole" in get("services", here.namespace, "web")["spec"]["selector"]


def complete(namespace, name):
    """What a run says that is complete."""
    def ended():
        now = status(namespace, name)
        return now.get("completionTime") and now
    said = eventually(f"the end of run {name}", 60, ended)
    must(said.get("summary"), f"run {name} ends without a word")
    return f"{said['verdict']}: {said['summary']}"


def is_gone(namespace, name):
    try:
        get("experimentruns", namespace, name)
    except Refused as refused:
        return refused.status == 404
    return False


def writes(here, begins):
    """How often the operator wrote the status that it wrote most often, by the audit log."""
    counts = {}
    with open(here.audit, encoding="utf-8") as log:
        log.seek(begins)
        for line in log:
            if f'"namespace":"{here.namespace}"' in line and '"userAgent":"firedrill/' in line and '"subresource":"status"' in line:
                name = json.loads(line)["objectRef"]["name"]
                counts[name] = counts.get(name, 0) + 1
    return max(counts.values(), default=0)
