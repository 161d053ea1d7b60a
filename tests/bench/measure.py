"""Creates runs for the operator and for the bare chain in turn, and reads all times from the audit log.

usage: measure.py COUNT AUDIT_LOG BINARY OPERATOR_PID BARE_PID     (inside the cluster's network)
"""
import datetime
import json
import os
import statistics
import subprocess
import sys
import time

COUNT, AUDIT, BINARY = int(sys.argv[1]), sys.argv[2], sys.argv[3]
OPERATOR, BARE = sys.argv[4], sys.argv[5]
TARGETS = 6
SIDES = {"bench-operator": [], "bench-bare": []}


def kubectl(*args, body=None, check=True):
    done = subprocess.run(["kubectl", *args], input=body, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        sys.exit(f"kubectl {' '.join(args)}: {done.stderr}")
    return done.stdout


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


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


def quantiles(values):
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], ordered[-1]


for namespace in SIDES:
    labels = {"firedrill.dev/enabled": "true"}
    kubectl("apply", "-f", "-", body=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}))
    subprocess.run([BINARY, "enable", namespace, "--yes"], check=True, stdout=subprocess.DEVNULL)
    for index in range(TARGETS):
        kubectl("-n", namespace, "apply", "-f", "-", body=json.dumps(deployment(f"t{index}")))
for namespace in SIDES:
    for index in range(TARGETS):
        kubectl("-n", namespace, "rollout", "status", f"deployment/t{index}", "--timeout=60s")
idle = resident(OPERATOR)
offset = os.path.getsize(AUDIT)
for index in range(COUNT):
    for namespace, names in SIDES.items():
        name, target = f"r{index}", f"t{index % TARGETS}"
        kubectl("-n", namespace, "rollout", "status", f"deployment/{target}", "--timeout=60s")
        kubectl("-n", namespace, "create", "-f", "-", body=json.dumps(run(name, target, namespace)))
        names.append(name)
    print(f"\r{index + 1} of {COUNT}", end="", file=sys.stderr, flush=True)
    time.sleep(0.35)
kubectl("-n", "bench-operator", "wait", "--for=condition=Complete", "experimentruns", "--all", "--timeout=120s")
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
        if ref.get("subresource") == "eviction" and event["responseStatus"]["code"] == 201:
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
    starts = sorted(at for (side, _), at in created.items() if side == namespace)
    ends = sorted(evicted.get(namespace, []))
    if len(starts) != len(ends):
        sys.exit(f"{namespace}: {len(starts)} runs created, {len(ends)} pods evicted")
    latencies[namespace] = [1000 * (end - start) for start, end in zip(starts, ends)]
ours, bare = quantiles(latencies["bench-operator"]), quantiles(latencies["bench-bare"])
after = resident(OPERATOR)
writes, reads = first.get("write", 0) / COUNT, first.get("read", 0) / COUNT
result = {
    "runs": COUNT, "created_to_evicted_ms": {"median": ours[0], "p99": ours[1], "max": ours[2]},
    "bare_chain_ms": {"median": bare[0], "p99": bare[1], "max": bare[2]}, "ratio": ours[0] / bare[0],
    "writes_per_run": writes, "reads_per_run": reads,
    "resident_mb": {"idle": idle, "after": after}, "binary_mb": os.path.getsize(BINARY) / 1e6,
}
print(f"{'':34}{'median':>9}{'p99':>9}{'max':>9}")
print(f"{'run created -> eviction accepted':34}{ours[0]:8.1f} {ours[1]:8.1f} {ours[2]:8.1f}  ms")
print(f"{'the bare chain of the same calls':34}{bare[0]:8.1f} {bare[1]:8.1f} {bare[2]:8.1f}  ms")
for key, count in sorted(calls.items(), key=lambda item: -item[1]):
    print(f"  {count / COUNT:6.2f} per run  {' '.join(part for part in key if part)}")
held = result["ratio"] <= 1.5 and writes <= 12 and reads <= 8 and idle <= 20 and after - idle <= 5
result["held"] = held
os.makedirs("target/evidence", exist_ok=True)
with open("target/evidence/bench.json", "w", encoding="utf-8") as out:
    json.dump(result, out, indent=2)
print(
    f"bench: {COUNT} runs, {result['ratio']:.2f}x the bare chain (at most 1.5), {writes:.1f} writes (12) and {reads:.1f} reads (8) per run, "
    f"{idle:.1f} MiB idle (20), {after - idle:+.1f} MiB after {COUNT} runs (5), binary {result['binary_mb']:.1f} MB: {'held' if held else 'NOT HELD'}"
)
sys.exit(0 if held else 1)
