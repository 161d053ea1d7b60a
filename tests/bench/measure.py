"""Creates runs for the operator and for the bare chain in turn, and reads all times from the audit log.

usage: measure.py COUNT AUDIT_LOG BINARY BARE IMAGE CONFIG LOG     (inside the cluster's network)
"""
import atexit
import datetime
import http.client
import json
import os
import signal
import ssl
import statistics
import subprocess
import sys
import time

import restarts

COUNT, AUDIT, BINARY, BARE, IMAGE, CONFIG, LOG = int(sys.argv[1]), *sys.argv[2:8]
TARGETS = 6
PAUSE = 1.0  # seconds between runs, half of it when kubectl has ended: what is measured is alone then
# The same measurements of other engines on a cluster like this one, one victim each.
OTHERS = [
    ("", "Chaos Mesh", "Litmus", "krkn"),
    ("object accepted -> pod deletion accepted", "52 ms", "10.7 s", "0.56 s"),
    ("API writes / reads per experiment", "17 / 0", "28 / 80", "1 / 6"),
    ("resident, idle", "71 MB", "37 MB", "81 MB"),
    ("start -> works", "0.3-0.5 s", "0.2-0.4 s", "-"),
    ("SIGKILL -> works again", "17-19 s", "-", "-"),
]
SIDES = ("bench-operator", "bench-bare")


def kubectl(*args, body=None, check=True):
    done = subprocess.run(["kubectl", *args], input=body, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        sys.exit(f"kubectl {' '.join(args)}: {done.stderr}")
    return done.stdout


def connection():
    """To the API server, as the administrator."""
    pki = os.environ["STATE"] + "/pki"
    context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
    context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")
    return http.client.HTTPSConnection(os.environ["CONTROL_IP"], 6443, timeout=10, context=context)


def create_over(open_connection, namespace, body):
    """Unlike kubectl, it leaves the processors to what is measured."""
    path = f"/apis/firedrill.dev/v1alpha1/namespaces/{namespace}/experimentruns"
    open_connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = open_connection.getresponse()
    said = answer.read().decode()
    if answer.status != 201:
        sys.exit(f"POST {path}: {answer.status} {said}")


def deployment(name):
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [
                {"name": "c", "image": "registry.local/pause:3.10", "imagePullPolicy": "Never"}]}}},
    }


def run(name, target, namespace):
    finalizers = ["firedrill.dev/revert"] if namespace == "bench-operator" else []
    return {
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
        "metadata": {"name": name, "finalizers": finalizers},
        "spec": {"experiment": "bench", "template": {
            "hypothesis": "bench", "owner": "bench", "target": {"deployment": target},
            "fault": {"podKill": {"count": 1}}, "duration": "1m", "tolerates": True,
            "steadyState": [{"name": "whole", "workload": {}}],
            "detection": {"alerts": ['{alertname="None"}']}, "recovery": {"stableFor": "1s"},
            "guards": {"steadyFor": "0s"}}},
    }


def start(*command):
    process = subprocess.Popen(command, stderr=LOG_FILE)
    atexit.register(process.kill)
    return process


def operator():
    return start(BINARY, "operator", "--config", CONFIG)


def first_write(offset):
    """Finds the instant of the operator's first write for a run of that name, from `offset` on."""
    def find(name):
        with open(AUDIT, encoding="utf-8") as log:
            log.seek(offset)
            for line in log:
                if f'"name":"{name}"' in line and '"userAgent":"firedrill/' in line and line.endswith("\n"):
                    event = json.loads(line)
                    if event["verb"] == "patch" and event["stage"] == "ResponseComplete":
                        return seconds(event["stageTimestamp"])
        return None
    return find


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def resident(pid, kind="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(kind))


def quantiles(values):
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], ordered[-1]


LOG_FILE = open(LOG, "w", encoding="utf-8")
for namespace in SIDES:
    kubectl("create", "namespace", namespace)
    subprocess.run([BINARY, "enable", namespace, "--yes"], check=True, stdout=subprocess.DEVNULL)
    for index in range(TARGETS):
        kubectl("-n", namespace, "apply", "-f", "-", body=json.dumps(deployment(f"t{index}")))
for namespace in SIDES:
    for index in range(TARGETS):
        kubectl("-n", namespace, "rollout", "status", f"deployment/t{index}", "--timeout=60s")
def create(name):
    kubectl("-n", "bench-operator", "create", "-f", "-", body=json.dumps(run(name, "t0", "bench-operator")))


starts, kills = restarts.measure(operator, create, first_write(os.path.getsize(AUDIT)))
kubectl("-n", "bench-operator", "delete", "experimentruns", "--all", "--wait=false")
process = operator()
start(BARE, "bench-bare")
kubectl("-n", "bench-operator", "wait", "--for=delete", "experimentruns", "--all", "--timeout=60s", check=False)
for index in range(TARGETS):
    kubectl("-n", "bench-operator", "rollout", "status", f"deployment/t{index}", "--timeout=60s")
time.sleep(2)
idle, idle_own = resident(process.pid), resident(process.pid, "RssAnon")
offset = os.path.getsize(AUDIT)
api = connection()
for index in range(COUNT):
    for namespace in SIDES:
        name, target = f"r{index}", f"t{index % TARGETS}"
        kubectl("-n", namespace, "rollout", "status", f"deployment/{target}", "--timeout=60s")
        if namespace == "bench-bare":
            process.send_signal(signal.SIGSTOP)  # it would take up the run too
        time.sleep(PAUSE / 2)
        create_over(api, namespace, run(name, target, namespace))
        time.sleep(PAUSE / 2)
        if namespace == "bench-bare":
            process.send_signal(signal.SIGCONT)
        else:
            kubectl("-n", namespace, "wait", "--for=condition=Complete", f"experimentruns/{name}", "--timeout=60s")
    print(f"\r{index + 1} of {COUNT}", end="", file=sys.stderr, flush=True)
print(file=sys.stderr)

created, evicted, calls, first = {}, {}, {}, {}
with open(AUDIT, encoding="utf-8") as log:
    log.seek(offset)
    for line in log:
        event = json.loads(line)
        ref = event.get("objectRef", {})
        namespace = ref.get("namespace")
        agent = event.get("userAgent") or ""
        if namespace not in SIDES and not agent.startswith("firedrill/"):
            continue
        if ref.get("resource") == "experimentruns" and event["verb"] == "create":
            created[namespace, ref["name"]] = seconds(event["stageTimestamp"])
        is_its_own = agent.startswith("firedrill/") == (namespace == "bench-operator")
        if ref.get("subresource") == "eviction" and event["responseStatus"]["code"] == 201 and is_its_own:
            evicted.setdefault(namespace, []).append(seconds(event["stageTimestamp"]))
        if agent.startswith("firedrill/") and namespace != "bench-bare":
            kind = "write" if event["verb"] in ("create", "patch", "update", "delete") else "read"
            key = (event["verb"], ref.get("resource"), ref.get("subresource", ""))
            if event.get("stage") == "ResponseStarted":
                continue
            calls[key] = calls.get(key, 0) + 1
            first.setdefault(kind, 0)
            first[kind] += 1

latencies = {}
for namespace in SIDES:
    creations = sorted(at for (side, _), at in created.items() if side == namespace)
    evictions = sorted(evicted.get(namespace, []))
    if len(creations) != len(evictions):
        sys.exit(f"{namespace}: {len(creations)} runs created, {len(evictions)} pods evicted by its own program; see {LOG}")
    latencies[namespace] = [1000 * (end - start) for start, end in zip(creations, evictions)]
ours, bare = quantiles(latencies["bench-operator"]), quantiles(latencies["bench-bare"])
after, after_own = resident(process.pid), resident(process.pid, "RssAnon")
writes, reads = first.get("write", 0) / COUNT, first.get("read", 0) / COUNT
MB = 1e6
result = {
    "runs": COUNT, "created_to_evicted_ms": {"median": ours[0], "p99": ours[1], "max": ours[2]},
    "bare_chain_ms": {"median": bare[0], "p99": bare[1], "max": bare[2]}, "ratio": ours[0] / bare[0],
    "writes_per_run": writes, "reads_per_run": reads,
    "resident_mib": {"idle": idle, "after": after, "idle_own": idle_own, "after_own": after_own}, "binary_mb": os.path.getsize(BINARY) / MB, "image_mb": os.path.getsize(IMAGE) / MB,
    "start_to_first_write_s": {"median": statistics.median(starts), "max": max(starts)},
    "sigkill_to_next_write_s": {"median": statistics.median(kills), "max": max(kills)},
}
print(f"{'':34}{'median':>9}{'p99':>9}{'max':>9}")
print(f"{'run created -> eviction accepted':34}{ours[0]:8.1f} {ours[1]:8.1f} {ours[2]:8.1f}  ms")
print(f"{'the bare chain of the same calls':34}{bare[0]:8.1f} {bare[1]:8.1f} {bare[2]:8.1f}  ms")
print(f"{'start -> first reconcile':34}{1000 * statistics.median(starts):8.1f} {'':8} {1000 * max(starts):8.1f}  ms, its first write")
print(f"{'SIGKILL -> working again':34}{1000 * statistics.median(kills):8.1f} {'':8} {1000 * max(kills):8.1f}  ms, its next write; restarted at once")
print(f"{'resident':34}{idle:8.1f} MiB idle, {after:.1f} MiB after {COUNT} runs; without the program's own text {idle_own:.1f} and {after_own:.1f}")
print(f"{'size':34}{result['binary_mb']:8.1f} MB binary, {result['image_mb']:.1f} MB image")
for key, count in sorted(calls.items(), key=lambda item: -item[1]):
    print(f"  {count / COUNT:6.2f} per run  {' '.join(part for part in key if part)}")
print("\nother engines, measured on a cluster like this one:")
for row in OTHERS:
    print(f"  {row[0]:42}{row[1]:>12}{row[2]:>12}{row[3]:>12}")
promises = {
    "ratio": result["ratio"] <= 1.5, "writes": writes <= 12, "reads": reads <= 8, "idle": idle <= 20,
    "growth": after - idle <= 5, "sigkill": max(kills) < 1,
}
result["held"], result["missed"] = all(promises.values()), [name for name, held in promises.items() if not held]
os.makedirs("target/evidence", exist_ok=True)
with open("target/evidence/bench.json", "w", encoding="utf-8") as out:
    json.dump(result, out, indent=2)
print(
    f"bench: {COUNT} runs, {result['ratio']:.2f}x the bare chain (at most 1.5), {writes:.1f} writes (12) and {reads:.1f} reads (8) per run, "
    f"{idle:.1f} MiB idle (20), {after - idle:+.1f} MiB after {COUNT} runs (5), working {1000 * max(kills):.0f} ms after SIGKILL (1000), "
    f"binary {result['binary_mb']:.1f} MB: {'held' if result['held'] else 'NOT HELD: ' + ', '.join(result['missed'])}"
)
sys.exit(0 if result["held"] else 1)
