"""Attacks on the reaper: what somebody who may edit a namespace marks there as if a fault were on it."""
import json
import os
import time

from cluster import Api, at, eventually, get, must
from ground import LARGE, QUIET, created

# The reaper lists every ten seconds.
SOONEST, LATEST = 10, 15
# Of what is refused it tries so many in a second at most, per namespace.
TRIES = 5
# A field that no fault of an object of this kind changes, so that the chart's policies refuse what would restore it.
FORBIDDEN = ("/spec/podSelector/matchLabels/other", '"pods"', "null")


def marked(name, field, change, annotations=None, spec=None):
    """A NetworkPolicy that says that a fault of a run that is not there is on it, overdue: the field was something else."""
    names = {f"firedrill.dev/{kind}-{field}": value for kind, value in zip(("at", "was", "set"), change)}
    annotations = {"firedrill.dev/deadline": "2020-01-01T00:00:00Z", **names, **(annotations or {})}
    labels = {"firedrill.dev/fault": "0d1c77ae-0000-4000-8000-000000000009.1.armed"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "labels": labels, "annotations": annotations},
            "spec": spec or {"podSelector": {"matchLabels": {"app": "nobody"}}}}


def is_revoked(namespace, name):
    return get("networkpolicies", namespace, name)["metadata"]["labels"]["firedrill.dev/fault"].endswith(".revoked")


def overdue():
    """How long a true fault of the other tenant's stays that is past its deadline, in seconds."""
    name, inert = f"overdue-{time.time_ns()}", ("/spec/podSelector/matchLabels/firedrill.dev~1inert", '"true"', "null")
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"], "egress": [{}]}
    began = time.time()
    Api().ask("POST", at("networkpolicies", QUIET), marked(name, "inert", inert, spec=spec))
    try:
        eventually("the end of the overdue fault", 60, lambda: is_revoked(QUIET, name))
        took = time.time() - began
        pods = get("networkpolicies", QUIET, name)["spec"]["podSelector"]["matchLabels"]
        must(pods.get("firedrill.dev/inert") == "true", f"the mark is revoked, and the fault is not: the policy selects {pods}")
    finally:
        Api().ask("DELETE", at("networkpolicies", QUIET, name))
    return took


def ended_in_time():
    took = overdue()
    must(took <= LATEST, f"another tenant's overdue fault was ended after {took:.1f} s, at most {LATEST} are allowed")
    return f"another tenant's overdue fault was ended after {took:.1f} s (a list every {SOONEST} s)"


def path(here):
    """A mark whose path has 30,000 segments."""
    created(here, "networkpolicies", [marked("deep", "x", ("/spec" + "/a" * 29_999, "1", "null"))])
    said = ended_in_time()
    eventually("the mark's revocation", LATEST, lambda: is_revoked(here.namespace, "deep"))
    return f"the mark is revoked, and nothing is built of the path; {said}"


def large(here):
    """400 marked objects with as many annotations as there may be."""
    created(here, "networkpolicies", [marked(f"m{number}", "x", FORBIDDEN, LARGE) for number in range(400)])
    return ended_in_time()


def refused(here):
    """1,500 marks whose revert the chart's policies refuse."""
    began, begins = time.time(), os.path.getsize(here.audit)
    created(here, "networkpolicies", [marked(f"r{number}", "x", FORBIDDEN) for number in range(1500)])
    said = ended_in_time()
    time.sleep(40)
    lasted = time.time() - began
    answers = [event["responseStatus"]["code"] for event in patches(here, begins)]
    many, tired = len(answers), answers.count(429)
    must(many > 0, "the reaper tried none of them")
    must(tired == 0, f"{tired} of {many} patches were answered 429")
    must(many <= TRIES * lasted + 50, f"{many} patches in {lasted:.0f} s, at most {TRIES} in a second are allowed")
    return f"{many} patches in {lasted:.0f} s, none answered 429; {said}"


def patches(here, begins):
    """What the reaper tried to change in mallory's namespace from there on, by the audit log."""
    with open(here.audit, encoding="utf-8") as log:
        log.seek(begins)
        for line in log:
            if '"verb":"patch"' in line and f'"namespace":"{here.namespace}"' in line and "firedrill-reaper:firedrill-reaper" in line:
                yield json.loads(line)
