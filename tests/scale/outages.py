"""Many outages under way at once, each with a probe a second: how late those are beside a bare prober's, and when each
outage ends."""
import datetime
import os
import socket
import statistics
import time

from api import (
    AUDIT, REAPER, are_under_way, cpu, create, end, kubectl, operator, own, prepared, remove, request, resident, run, runs_path,
    seconds, start, verdicts,
)

PROBER, IMAGE = os.environ["PROBER"], os.environ["PROBER_IMAGE"]
PORT = 8080
SERVES = 30  # s until a Service has its pod
BARE_FOR = 60  # s that the bare prober sends
LASTS = 300  # s that each outage lasts
MINUTES = 12  # until all runs are complete
FACTS = {"journaled", "injected", "effectObserved", "reverted", "recovered", "completed"}


def services_path(namespace):
    return f"/api/v1/namespaces/{namespace}/services"


def service(name, app, port):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": app}, "ports": [{"port": port}]}}


def server():
    """A real pod that answers probes, and keeps when each came."""
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{
                "name": "web", "image": IMAGE, "imagePullPolicy": "Never", "args": ["serve", str(PORT)],
                "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1}}]}}},
    }


def outage(number):
    """A run that takes the pods of its own Service away, and asks another one once a second how users fare."""
    changed = run(number)
    changed["spec"]["template"] |= {
        "fault": {"dependencyOutage": {"blackhole": {"service": f"d{number}"}}}, "duration": f"{LASTS}s",
        "steadyState": [{"name": "serves", "http": {"service": "web", "port": PORT, "path": f"/run-{number}", "interval": "1s"}}],
    }
    return changed


def arrivals(namespaces, prefix, since, until):
    """When each probe of these paths came to its pod between these instants, in seconds, one list for each."""
    series = []
    for namespace in namespaces:
        times = request("GET", f"{services_path(namespace)}/web:{PORT}/proxy/times")
        series += [[at / 1e6 for at in one if since <= at / 1e6 < until] for path, one in times.items() if path.startswith(prefix)]
    return series


def late(series):
    """How late the probes of these series were, which are due once a second each, behind the earliest of their own; and
    how many did not come."""
    behind, missed = [], 0
    for times in series:
        # By how much of a second each is behind the first one; half a second late or more counts as early.
        phases = [(at - times[0] + 0.5) % 1 - 0.5 for at in times]
        earliest = min(phases)
        behind += [phase - earliest for phase in phases]
        missed += round(times[-1] - times[0]) + 1 - len(times)
    behind.sort()
    return {"series": len(series), "probes": len(behind), "missed": missed, "median_ms": 1000 * statistics.median(behind),
            "p99_ms": 1000 * behind[int(0.99 * len(behind))], "max_ms": 1000 * behind[-1]}


def served(namespace):
    """Where the Service of that namespace answers, once it does."""
    address = request("GET", f"{services_path(namespace)}/web")["spec"]["clusterIP"]
    until = time.time() + SERVES
    while True:
        try:
            socket.create_connection((address, PORT), timeout=1).close()
            return f"{address}:{PORT}"
        except OSError:
            if time.time() > until:
                raise
            time.sleep(0.2)


def bare(count, namespaces):
    """How late the probes of as many are that nothing else is done for."""
    addresses, began = [served(namespace) for namespace in namespaces], time.time()
    start([PROBER, "send", str(BARE_FOR), str(count), *addresses]).wait()
    # Within the first second each series begins.
    return late(arrivals(namespaces, "/bare-", began + 2, began + BARE_FOR))


def deadlines(namespaces):
    """Until when each Service is without pods, by namespace and name, as its annotation says."""
    known = {}
    for namespace in namespaces:
        for item in request("GET", services_path(namespace))["items"]:
            deadline = item["metadata"].get("annotations", {}).get("firedrill.dev/deadline")
            if deadline:
                known[namespace, item["metadata"]["name"]] = datetime.datetime.fromisoformat(deadline).timestamp()
    return known


def reverts(offset, due):
    """When each Service had its pods again: an operator's first change of it in the second half of its outage."""
    ended = {}
    for event in own(offset, '"services"'):
        key = (event["objectRef"].get("namespace"), event["objectRef"].get("name"))
        if event["verb"] in ("patch", "update") and event["responseStatus"]["code"] == 200 and key in due:
            at = seconds(event["stageTimestamp"])
            if at > due[key] - LASTS / 2:
                ended.setdefault(key, at)
    return ended


def under_way(count, spread):
    """So many outages at once, and what becomes of them."""
    namespaces = prepared(count, "outages", spread)
    each = range(count // spread)
    for namespace in namespaces:
        create([(services_path(namespace), service(f"d{number}", f"t{number}", 80)) for number in each])
        request("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", server())
        request("POST", services_path(namespace), service("web", "web", PORT))
    for namespace in namespaces:
        kubectl("-n", namespace, "wait", "--for=condition=Available", "deployment/web", "--timeout=120s")
    beside = bare(count, namespaces)
    # Without one nothing is armed.
    reaper, process, offset = start(REAPER), start(operator(count)), os.path.getsize(AUDIT)
    time.sleep(3)
    began = time.time()
    create([(runs_path(namespace), outage(number)) for number in each for namespace in namespaces])
    due = {}
    while len(due) < count and time.time() < began + LASTS and are_under_way(namespaces):
        time.sleep(5)
        due |= deadlines(namespaces)
    since = time.time()
    until = min(due.values(), default=since) - 1
    spent = cpu(process.pid)
    time.sleep(max(0, until - since))
    busy = (cpu(process.pid) - spent) / max(1, time.time() - since)
    while time.time() < began + 60 * MINUTES and are_under_way(namespaces):
        time.sleep(5)
    ended = reverts(offset, due)
    after = sorted(ended[key] - due[key] for key in ended)
    runs = [item for namespace in namespaces for item in request("GET", runs_path(namespace))["items"]]
    missing = sum(bool(FACTS - {fact["name"] for fact in item["status"].get("facts", [])}) for item in runs)
    result = {
        "runs": count, "armed": len(due), "armed_after_s": since - began, "all_under_way_s": until - since, "reverted": len(after),
        "reverted_first_s": after[0] if after else None, "reverted_last_s": after[-1] if after else None,
        "facts_missing": missing, "verdicts": verdicts(runs), "cores": busy, "resident_mib": resident(process.pid), "cpu_s": cpu(process.pid),
        "ours": late(arrivals(namespaces, "/run-", since, until)) if until > since + 10 else None, "bare": beside,
    }
    end(process)
    end(reaper)
    remove(namespaces)
    return result
