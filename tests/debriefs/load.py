"""What a thousand open debriefs and ten thousand that are over cost an operator and whoever lists them; and how soon people
are told of a miss beside them.

usage: load.py EVIDENCE BINARY     (inside the cluster's network)
"""
import json
import os
import sys
import tempfile
import time

import cluster
from bench import counted, cpu, resident
from chat import listen, told
from cluster import OURS, Audit, Operators, apply, ask, get, items, kubectl, must, seconds, stamp, status

EVIDENCE, cluster.BINARY = sys.argv[1:3]
SPREAD, OPEN, ENDED, MISSES = 10, 1000, 10_000, 20
NAMESPACES = [f"debriefs-{number}" for number in range(SPREAD)]
GROUND = "debriefs-missed"
CONNECTIONS = 8
QUIET, SETTLES, IDLES = 15, 900, 60  # s: without a call until it has settled, in which it must, that is looked at then
# Promised: calls in a quiet minute but the Lease's, MiB, seconds of `debrief list`, seconds from a miss to its message.
CALLS, MEMORY_MIB, LISTED, HEARD = 0, 64, 2.0, 60.0
HOUR = 3600


def incident(namespace, name, **more):
    """One of a week ago that is talked about, with an item to do."""
    began = time.time() - 7 * 24 * HOUR
    return {
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "Debrief", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "title": f"Customers could not pay, {name}", "severity": "Moderate", "source": {"kind": "Incident"},
            "incident": {"startedAt": stamp(began), "noticedBy": "Customer", "noticedAt": stamp(began + HOUR)},
            "resolvedAt": stamp(began + 2 * HOUR), "impact": {"none": True}, "meeting": {"heldAt": stamp(began + 50 * HOUR)},
            "actionItems": [{"id": "a1", "title": "Page sooner", "type": "Detect", "horizon": "Long", "ownerTeam": f"team-{namespace}",
                             "turnsYes": ["Detection", "Recovery"], "dueAt": stamp(time.time() + 90 * 24 * HOUR)}],
            **more}}


def path(namespace, name=""):
    return f"/{OURS}/namespaces/{namespace}/debriefs{name}"


def send(method, where, body):
    answer, said = ask(where, method, body)
    must(answer.status < 300, f"{method} {where}: {said}")
    return said


def sent(audit):
    """How many calls the operator has sent since then; a watch is none."""
    return sum(count for call, count in counted(audit).items() if not call.startswith("watch "))


def settled():
    """Waits until the operator has sent nothing for a while; how long it took until then."""
    began = time.time()
    quiet = 0
    while quiet < QUIET:
        must(time.time() < began + SETTLES, "the operator does not come to rest")
        audit = Audit()
        time.sleep(5)
        quiet = 0 if sent(audit) else quiet + 5
    return time.time() - began - quiet


def rest(pid):
    audit, spent = Audit(), cpu(pid)
    time.sleep(IDLES)
    whole, own = resident(pid)
    return {"calls": sent(audit), "cpu_s": cpu(pid) - spent, "resident_mib": whole, "own_mib": own}


def ground():
    """Deployments of one real pod each that takes a while to come back, and an experiment on each whose alert never fires."""
    kubectl("create", "namespace", GROUND)
    kubectl("label", "namespace", GROUND, "firedrill-debriefs=yes")
    said, code = cluster.firedrill("enable", GROUND, "--yes")
    must(code == 0, said)
    script = "mkdir -p /tmp/w; echo ok > /tmp/w/index.html; sleep 6; exec httpd -f -p 8080 -h /tmp/w"
    for number in range(MISSES):
        name = f"web-{number}"
        container = {"name": "web", "image": "registry.local/busybox:1", "imagePullPolicy": "Never", "command": ["sh", "-c", script],
                     "readinessProbe": {"httpGet": {"path": "/index.html", "port": 8080}, "periodSeconds": 1}}
        apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": GROUND}, "spec": {
                  "replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {
                      "metadata": {"labels": {"app": name}}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}}},
              {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": GROUND},
               "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}},
              {"apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": name, "namespace": GROUND}, "spec": {
                  "hypothesis": "Somebody notices.", "owner": "team-web", "target": {"deployment": name}, "fault": {"podKill": {"count": 1}},
                  "duration": "1m", "steadyState": [{"name": "answers", "http": {"service": name, "port": 80, "path": "/index.html"}}],
                  "detection": {"within": "2s", "alerts": ['{alertname="NeverFires"}']}, "recovery": {"within": "1m", "stableFor": "1s"},
                  "guards": {"minReady": 0, "steadyFor": "1s"}}})
    kubectl("-n", GROUND, "wait", "--for=condition=Available", "deployments", "--all", "--timeout=120s")


def missed():
    """Runs all of them at once; how long after its miss was known each was told, in seconds."""
    kubectl("create", "-f", "-", body=json.dumps({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun", "metadata": {"name": f"r{number}", "namespace": GROUND},
         "spec": {"experiment": f"web-{number}"}} for number in range(MISSES)]}))
    cluster.eventually("every run to be over", 300, lambda: all(status(run).get("completionTime") for run in items(GROUND, "experimentruns")))
    over = {status(run).get("debrief"): seconds(status(run)["completionTime"]) for run in items(GROUND, "experimentruns")}
    must(None not in over and len(over) == MISSES, f"runs ended as {[status(run).get('summary') for run in items(GROUND, 'experimentruns')]}")
    heard = lambda: {said["debrief"]: at for at, said in told if said["namespace"] == GROUND and said["what"] == "Opened"}
    cluster.eventually("every miss to be told", 120, lambda: len(heard()) == MISSES)
    return sorted(at - over[name] for name, at in heard().items())


def listing(*args):
    """The slowest of five calls, in seconds, and its lines."""
    took = []
    for _ in range(5):
        began = time.time()
        said, code = cluster.firedrill("debrief", "list", *args)
        took.append(time.time() - began)
        must(code == 0, said)
    return max(took), said.count("\n") - 1


def run(folder):
    for namespace in NAMESPACES:
        kubectl("create", "namespace", namespace)
        kubectl("label", "namespace", namespace, "firedrill-debriefs=yes")
    ground()
    operators = Operators(1, chat={"urlFile": listen(folder)})
    operators.start()
    settled()
    without = rest(operators.processes[0].pid)
    # What an operator writes of one that is over, which for ten thousand of them would take it long.
    reason = {"dismissal": {"reason": "Nothing is to be learned of this one."}}
    send("POST", path(NAMESPACES[0]), incident(NAMESPACES[0], "pattern", **reason))
    cluster.eventually("one to be dismissed", 30, lambda: status(get(NAMESPACES[0], "debriefs", "pattern")).get("endedAt"))
    settled()
    pattern = status(get(NAMESPACES[0], "debriefs", "pattern"))
    operators.kill()

    def ended(number):
        namespace, name = NAMESPACES[number % SPREAD], f"ended-{number}"
        made = send("POST", path(namespace), incident(namespace, name, **reason))
        send("PUT", path(namespace, f"/{name}/status"), made | {"status": pattern})

    def opened(number):
        namespace = NAMESPACES[number % SPREAD]
        send("POST", path(namespace), incident(namespace, f"open-{number}"))
    cluster.side_by_side(ended, range(ENDED), CONNECTIONS)
    cluster.side_by_side(opened, range(OPEN), CONNECTIONS)
    told.clear()
    operators.start()
    pid = operators.processes[0].pid
    took = settled()
    heard = sum(said["what"] == "Opened" and said["debrief"].startswith("open-") for _, said in told)
    others = [said["text"][:120] for _, said in told if said["debrief"].startswith("ended-")]
    must(not others, f"of debriefs that were over people were told {others[:3]}")
    with_ = rest(pid)
    one, lines = listing("-n", NAMESPACES[0])
    every, all_lines = listing("-A")
    whole, whole_lines = listing("-A", "--all")
    late = missed()
    operators.kill()
    return {"open": OPEN, "ended": ENDED, "without": without, "with": with_, "settled_s": took, "told_of_open": heard,
            "list_one_s": one, "list_one_lines": lines, "list_all_s": every, "list_all_lines": all_lines,
            "list_over_s": whole, "list_over_lines": whole_lines,
            "misses": len(late), "heard_median_s": late[len(late) // 2], "heard_max_s": late[-1]}


def main():
    with tempfile.TemporaryDirectory() as folder:
        found = run(folder)
    promises = {
        f"each of {OPEN} open ones is told once": found["told_of_open"] == OPEN,
        f"no call in {IDLES} quiet seconds but for Leases and watches": found["with"]["calls"] == CALLS,
        f"memory of its own <= {MEMORY_MIB} MiB, the chart's limit": found["with"]["own_mib"] <= MEMORY_MIB,
        f"debrief list of a namespace < {LISTED:.0f} s": found["list_one_s"] < LISTED,
        f"debrief list -A < {LISTED:.0f} s": found["list_all_s"] < LISTED,
        f"from a miss to its message < {HEARD:.0f} s": found["heard_max_s"] < HEARD,
    }
    print(f"{'':24}{'resident':>12}{'its own':>12}{'calls/min':>12}{'CPU s/min':>12}")
    for title, of in (("no debriefs", found["without"]), (f"{OPEN} open, {ENDED} over", found["with"])):
        print(f"{title:24}{of['resident_mib']:8.1f} MiB{of['own_mib']:8.1f} MiB{of['calls']:12}{of['cpu_s']:12.2f}")
    print(f"settled {found['settled_s']:.0f} s after its start, {found['told_of_open']} told; debrief list: {found['list_one_lines']} of a namespace in "
          f"{found['list_one_s']:.2f} s, {found['list_all_lines']} of all in {found['list_all_s']:.2f} s, {found['list_over_lines']} with those that are over in "
          f"{found['list_over_s']:.2f} s; {found['misses']} misses at once told {found['heard_median_s']:.1f} s (median) and "
          f"{found['heard_max_s']:.1f} s (slowest) after they were known")
    for promise, held in promises.items():
        print(f"  {'held    ' if held else 'NOT HELD'}  {promise}")
    found |= {"promises": promises, "held": all(promises.values())}
    with open(EVIDENCE, "w", encoding="utf-8") as out:
        json.dump(found, out, indent=1)
    print(f"debriefs, many: {sum(promises.values())} of {len(promises)} promises held")
    sys.exit(0 if found["held"] else 1)


main()
