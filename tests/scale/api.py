"""The API server and its audit log: what is asked and created, and the programs that are measured, as processes."""
import atexit
import collections
import concurrent.futures
import datetime
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time

STATE, AUDIT, BINARY = os.environ["STATE"], os.environ["AUDIT_LOG"], os.environ["BINARY"]
REAPER = [BINARY, "reaper", "--kubeconfig", f"{STATE}/pki/firedrill-reaper.kubeconfig", "--lease-namespace", "firedrill-reaper"]
CONNECTIONS = 8
IDLE = 30  # s that a connection may rest; the API server closes it after 90

local = threading.local()
log_file = open(f"{STATE}/log/scale.log", "w", encoding="utf-8")


def kubectl(*args, body=None):
    done = subprocess.run(["kubectl", *args], input=body, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"kubectl {' '.join(args)}: {done.stderr}")
    return done.stdout


def request(method, path, body=None):
    """One request as the administrator, over a connection of this thread that the server has not closed meanwhile."""
    if not hasattr(local, "connection") or time.time() - local.used_at > IDLE:
        pki = f"{STATE}/pki"
        context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
        context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")
        local.connection = http.client.HTTPSConnection(os.environ["CONTROL_IP"], 6443, timeout=30, context=context)
    local.connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
    answer = local.connection.getresponse()
    said = json.loads(answer.read())
    local.used_at = time.time()
    if answer.status >= 300:
        sys.exit(f"{method} {path}: {answer.status} {said}")
    return said


def create(things):
    """Creates them at once: pairs of a path and a body."""
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda thing: request("POST", *thing), things))


def deployment(name, replicas=2):
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
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


def make(namespace):
    kubectl("create", "namespace", namespace)
    kubectl("label", "namespace", namespace, "firedrill-scale=yes")


def prepare(namespace, count):
    make(namespace)
    subprocess.run([BINARY, "enable", namespace, "--yes"], check=True, stdout=subprocess.DEVNULL)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    create([(path, deployment(f"t{number}")) for number in range(count)])
    kubectl("-n", namespace, "wait", "--for=condition=Available", "deployments", "--all", "--timeout=300s")


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def events(offset, *texts):
    """What the audit log has of requests that were answered since `offset`, of lines with all these texts."""
    with open(AUDIT, encoding="utf-8") as log:
        log.seek(offset)
        for line in log:
            if not line.endswith("\n"):
                return
            if all(text in line for text in texts):
                event = json.loads(line)
                if event["stage"] == "ResponseComplete":
                    yield event


def start(command):
    """Starts a program that ends with this one at the latest."""
    process = subprocess.Popen(command, stderr=log_file)
    atexit.register(process.kill)
    return process


def end(process):
    process.kill()
    process.wait()


def is_own(event):
    """Whether an operator sent it, and not for its Lease."""
    agent, ref = event.get("userAgent") or "", event.get("objectRef", {})
    return agent.startswith("firedrill/") and ref.get("resource") != "leases"


def own(offset, *texts):
    """The calls of operators since then, of lines with all these texts, without those for their Leases."""
    return filter(is_own, events(offset, "firedrill/", *texts))


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def operator(concurrency):
    """The command of one operator that lets so many runs be under way."""
    config = tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8", delete=False)
    atexit.register(os.unlink, config.name)
    with config:
        config.write(f"{{caps: {{concurrency: {concurrency}}}, keepRuns: 1000}}")
    return [BINARY, "operator", "--config", config.name]


def runs_path(namespace):
    return f"/apis/firedrill.dev/v1alpha1/namespaces/{namespace}/experimentruns"


def prepared(count, name, spread=1):
    """So many namespaces with as many Deployments in all."""
    namespaces = [f"scale-{name}-{number}" for number in range(spread)]
    for namespace in namespaces:
        prepare(namespace, count // spread)
    return namespaces


def are_under_way(namespaces):
    """Whether one of the runs there is not complete."""
    query = "?fieldSelector=status.completionTime%3D&limit=1"
    return any(request("GET", runs_path(namespace) + query)["items"] for namespace in namespaces)


def verdicts(runs):
    """How many of these runs ended in which way."""
    outcome = lambda status: " ".join(status.get(key, "") for key in ("verdict", "reason")).strip() or "not complete"
    return dict(collections.Counter(outcome(item["status"]) for item in runs))


def clear(namespace):
    """Takes the runs of a namespace away, whom nobody looks after any more, and waits until its pods are as before."""
    kubectl("-n", namespace, "delete", "experimentruns", "--all", "--wait=false")
    free = '{"metadata":{"finalizers":null}}'
    for item in request("GET", runs_path(namespace))["items"]:
        kubectl("-n", namespace, "patch", "experimentrun", item["metadata"]["name"], "--type=merge", "-p", free)
    kubectl("-n", namespace, "wait", "--for=condition=Available", "deployments", "--all", "--timeout=300s")


def remove(namespaces):
    for namespace in namespaces:
        kubectl("delete", "namespace", namespace, "--wait=false")
