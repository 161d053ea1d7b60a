"""Creates many runs at once, for the operator and then for the bare chain, and reads all times from the audit log.

usage: scale.py AUDIT_LOG BINARY BARE CONFIG LOG COUNT...     (inside the cluster's network)
"""
import atexit
import concurrent.futures
import datetime
import http.client
import json
import os
import ssl
import statistics
import subprocess
import sys
import threading
import time

AUDIT, BINARY, BARE, CONFIG, LOG = sys.argv[1:6]
COUNTS = [int(count) for count in sys.argv[6:]]
CONNECTIONS = 8
# Promised of the largest row: seconds from accepted to evicted, MiB resident, and how much later than the bare chain.
MEDIAN, LATEST, RESIDENT, RATIO = 1.0, 3.0, 40, 2.0
MINUTES = 3  # until every run of a row is complete

local = threading.local()
log_file = open(LOG, "w", encoding="utf-8")


def kubectl(*args, body=None):
    done = subprocess.run(["kubectl", *args], input=body, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"kubectl {' '.join(args)}: {done.stderr}")
    return done.stdout


def request(method, path, body=None):
    """One request as the administrator, over a connection of this thread."""
    if not hasattr(local, "connection"):
        pki = os.environ["STATE"] + "/pki"
        context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
        context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")
        local.connection = http.client.HTTPSConnection(os.environ["CONTROL_IP"], 6443, timeout=30, context=context)
    local.connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
    answer = local.connection.getresponse()
    said = json.loads(answer.read())
    if answer.status >= 300:
        sys.exit(f"{method} {path}: {answer.status} {said}")
    return said


def create(path, bodies):
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda body: request("POST", path, body), bodies))


def deployment(name):
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 0, "nodeSelector": {"type": "kwok"},
                     "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
                     "containers": [{"name": "c", "image": "simulated"}]}}},
    }


def run(number):
    return {
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun", "metadata": {"name": f"r{number}"},
        "spec": {"experiment": "scale", "template": {
            "hypothesis": "scale", "owner": "scale", "target": {"deployment": f"t{number}"},
            "fault": {"podKill": {"count": 1}}, "duration": "1m", "tolerates": True,
            "steadyState": [{"name": "whole", "workload": {}}],
            "detection": {"alerts": ['{alertname="None"}']}, "recovery": {"stableFor": "1s"},
            "guards": {"steadyFor": "0s"}}},
    }


def prepare(namespace, count):
    kubectl("create", "namespace", namespace)
    kubectl("label", "namespace", namespace, "firedrill-scale=yes")
    subprocess.run([BINARY, "enable", namespace, "--yes"], check=True, stdout=subprocess.DEVNULL)
    create(f"/apis/apps/v1/namespaces/{namespace}/deployments", [deployment(f"t{number}") for number in range(count)])
    kubectl("-n", namespace, "wait", "--for=condition=Available", "deployments", "--all", "--timeout=300s")


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def told(namespace, offset):
    """When each run was accepted and when its pod was evicted, and the number of requests since `offset`."""
    accepted, evicted, requests = {}, {}, 0
    with open(AUDIT, encoding="utf-8") as log:
        log.seek(offset)
        for line in log:
            if not line.endswith("\n"):
                break
            event = json.loads(line)
            ref, agent = event.get("objectRef", {}), event.get("userAgent") or ""
            is_ours = agent.startswith("firedrill/")
            requests += is_ours and event["stage"] == "ResponseComplete"
            if ref.get("namespace") != namespace or event["stage"] != "ResponseComplete" or event["responseStatus"]["code"] != 201:
                continue
            if ref.get("subresource") == "eviction":
                evicted.setdefault(ref["name"].split("-")[0].replace("t", "r"), seconds(event["stageTimestamp"]))
            elif ref.get("resource") == "experimentruns" and event["verb"] == "create":
                accepted[ref["name"]] = seconds(event["stageTimestamp"])
    return accepted, evicted, requests


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def row(count, namespace, command):
    """The runs of one namespace, created at once, with that program."""
    prepare(namespace, count)
    process = subprocess.Popen(command, stderr=log_file)
    atexit.register(process.kill)
    time.sleep(3)
    before, offset, began = cpu(process.pid), os.path.getsize(AUDIT), time.time()
    path = f"/apis/firedrill.dev/v1alpha1/namespaces/{namespace}/experimentruns"
    create(path, [run(number) for number in range(count)])
    took, verdicts = time.time() - began, {}
    while time.time() < began + 60 * MINUTES:
        time.sleep(2)
        under_way = request("GET", f"{path}?fieldSelector=status.completionTime%3D&limit=1")
        evicted = told(namespace, offset)[1]
        if not under_way["items"] and (len(evicted) == count or command[0] == BINARY):
            break
    for item in request("GET", path)["items"]:
        outcome = " ".join(item["status"].get(key, "") for key in ("verdict", "reason")).strip() or "not complete"
        verdicts[outcome] = verdicts.get(outcome, 0) + 1
    accepted, evicted, requests = told(namespace, offset)
    latencies = sorted(evicted[name] - at for name, at in accepted.items() if name in evicted)
    result = {
        "runs": count, "created_in_s": took, "injected": len(latencies), "verdicts": verdicts, "requests_per_run": requests / count,
        "median_s": statistics.median(latencies) if latencies else None, "max_s": latencies[-1] if latencies else None,
        "last_s": max(evicted.values()) - min(accepted.values()) if evicted else None,
        "resident_mib": resident(process.pid), "cpu_s": cpu(process.pid) - before,
    }
    process.kill()
    process.wait()
    kubectl("-n", namespace, "delete", "experimentruns", "--all", "--wait=false")
    for item in request("GET", path)["items"]:
        kubectl("-n", namespace, "patch", "experimentrun", item["metadata"]["name"], "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    kubectl("delete", "namespace", namespace, "--wait=false")
    return result


def words(result):
    if not result["injected"]:
        return "nothing was broken"
    return f"{result['median_s']:6.2f} / {result['max_s']:5.2f} s, last after {result['last_s']:5.2f} s"


rows = []
for count in COUNTS:
    ours = row(count, f"scale-{count}", [BINARY, "operator", "--config", CONFIG])
    bare = row(count, f"scale-bare-{count}", [BARE, f"scale-bare-{count}"])
    rows.append({"ours": ours, "bare": bare})
    print(f"{count:5} at once   accepted -> evicted {words(ours)}   bare {words(bare)}   "
          f"{ours['resident_mib']:5.1f} MiB   {ours['cpu_s']:5.2f} s CPU   {ours['requests_per_run']:.1f} requests per run   {ours['verdicts']}", flush=True)

ours, bare = rows[-1]["ours"], rows[-1]["bare"]
promises = {
    "every run injects": all(entry["ours"]["injected"] == entry["ours"]["runs"] for entry in rows),
    f"median <= {MEDIAN:.0f} s": ours["injected"] and ours["median_s"] <= MEDIAN,
    f"max <= {LATEST:.0f} s": ours["injected"] and ours["max_s"] <= LATEST,
    f"last <= {RATIO:.0f}x the bare chain's": ours["injected"] and bare["injected"] and ours["last_s"] <= RATIO * bare["last_s"],
    f"resident <= {RESIDENT} MiB": ours["resident_mib"] <= RESIDENT,
}
missed = [name for name, held in promises.items() if not held]
with open("target/evidence/scale.json", "w", encoding="utf-8") as out:
    json.dump({"rows": rows, "held": not missed, "missed": missed}, out, indent=2)
print(f"scale: {ours['injected']} of {ours['runs']} at once injected, {words(ours)}, {ours['resident_mib']:.1f} MiB: "
      f"{'held' if not missed else 'NOT HELD: ' + ', '.join(missed)}")
sys.exit(0 if not missed else 1)
