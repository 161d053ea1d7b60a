"""Compares what runs report with the truth, which is found without any code or data of the operator.

The truth: when the API server accepted the evictions and when the kubelets reported pods ready (audit
log); when the alert fired (Prometheus' own API); when the service answered (an own client, every 20 ms).
All run on one machine, so on one clock.

usage: accuracy.py RUNS SEED BINARY AUDIT_LOG MON_DIR     (inside the cluster's network)
"""
import datetime
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

RUNS, SEED = int(sys.argv[1]), int(sys.argv[2])
BINARY, AUDIT, MON = sys.argv[3:6]
NAMESPACE, INTERVAL, TIMEOUT, EVALUATION = "accuracy", 0.2, 0.2, 1.0
SCENARIOS = ["in time", "late", "never", "webhook cut", "polling cut", "restarted"]
PROMETHEUS = "http://127.0.0.1:9090"
CONFIG = {
    "poll": "prometheus: {url: 'http://127.0.0.1:9090'}\nalertmanager: {url: 'http://127.0.0.1:9093'}\n",
    "hook": f"webhook: {{listen: '0.0.0.0:9482', tokenFile: '{MON}/token'}}\n",
}


def kubectl(*args, body=None):
    done = subprocess.run(["kubectl", *args], input=body, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kubectl {' '.join(args)}: {done.stderr}")
    return done.stdout


def stamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def length(text):
    total, number = 0.0, ""
    units = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
    while text:
        cut = next(i for i, c in enumerate(text) if not (c.isdigit() or c == "."))
        number, text = text[:cut], text[cut:]
        unit = next(u for u in ("us", "ms", "s", "m", "h") if text.startswith(u))
        total, text = total + float(number) * units[unit], text[len(unit):]
    return total


class Client(threading.Thread):
    """Asks the Service every 20 ms and keeps (sent, answered, good)."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.samples, self.over = address, [], threading.Event()

    def run(self):
        due = time.time()
        while not self.over.is_set():
            sent = time.time()
            try:
                connection = http.client.HTTPConnection(self.address, 80, timeout=TIMEOUT)
                connection.request("GET", "/healthz")
                good = connection.getresponse().status == 200
                connection.close()
            except OSError:
                good = False
            self.samples.append((sent, time.time(), good))
            due = max(due + 0.02, time.time())
            time.sleep(max(0.0, due - time.time()))

    def back(self, after):
        """The last failed sample after `after`, and the first good one behind it."""
        later = [sample for sample in self.samples if sample[0] > after]
        failed = [index for index, sample in enumerate(later) if not sample[2]]
        if not failed or failed[-1] + 1 >= len(later):
            return None
        return later[failed[-1]][0], later[failed[-1] + 1][1]


def audit(offset):
    with open(AUDIT, encoding="utf-8") as log:
        log.seek(offset)
        for line in log:
            event = json.loads(line)
            if event.get("objectRef", {}).get("namespace") == NAMESPACE:
                yield event


def truth(offset, client, alert):
    accepted, ready = [], {}
    for event in audit(offset):
        ref = event["objectRef"]
        if ref.get("subresource") == "eviction" and event["responseStatus"]["code"] == 201:
            accepted.append((stamp(event["requestReceivedTimestamp"]), stamp(event["stageTimestamp"])))
        if ref.get("resource") == "pods" and ref.get("subresource") == "status" and event["verb"] == "patch":
            conditions = event.get("responseObject", {}).get("status", {}).get("conditions", [])
            if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                ready.setdefault(ref["name"], stamp(event["stageTimestamp"]))
    injected = min(first for first, _ in accepted), max(last for _, last in accepted)
    ready_at = max(at for at in ready.values() if at > injected[0])
    failed, good = client.back(injected[0])
    query = urllib.parse.quote(f'ALERTS{{alertname="{alert}",alertstate="firing"}}[5m]')
    with urllib.request.urlopen(f"{PROMETHEUS}/api/v1/query?query={query}", timeout=5) as answer:
        series = json.load(answer)["data"]["result"]
    fired = [at for one in series for at, _ in one["values"] if at > injected[0]]
    return injected, (max(failed, ready_at), max(good, ready_at)), min(fired) if fired else None


def contains(took, low, high):
    """Whether the reported bounds can hold the truth, which is itself known within [low, high]."""
    return took is not None and took[0] <= high + 0.001 and took[1] >= low - 0.001


def judge(reported, real, allowed):
    injected, back, fired = real
    detection, recovery = reported
    if (fired is None) != (detection is None):
        return False
    if fired is not None and not contains(detection, fired - injected[1], fired - injected[0]):
        return False
    widths = [took[1] - took[0] for took in (detection, recovery) if took]
    return contains(recovery, back[0] - injected[1], back[1] - injected[0]) and max(widths) <= allowed


def operator(parts, log):
    path = f"{MON}/accuracy.yaml"
    with open(path, "w", encoding="utf-8") as out:
        out.write("".join(CONFIG[part] for part in parts))
    return subprocess.Popen([BINARY, "operator", "--config", path], stderr=log)


def one(number, scenario, phase, log):
    parts = {"webhook cut": ["poll"], "polling cut": ["hook"]}.get(scenario, ["poll", "hook"])
    alert = {"late": "AccuracyLate", "never": "AccuracyNever"}.get(scenario, "AccuracyDown")
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/web", "--timeout=90s")
    process = operator(parts, log)
    time.sleep(1.0 + phase)
    offset = os.path.getsize(AUDIT)
    address = kubectl("-n", NAMESPACE, "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
    client = Client(address)
    client.start()
    name = f"r{number}"
    probe = {"service": "web", "port": 80, "path": "/healthz", "interval": "200ms", "timeout": "200ms"}
    kubectl("-n", NAMESPACE, "create", "-f", "-", body=json.dumps({
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun", "metadata": {"name": name},
        "spec": {"experiment": "accuracy", "template": {
            "hypothesis": "accuracy", "owner": "accuracy", "target": {"deployment": "web"},
            "fault": {"podKill": {"count": 2}}, "duration": "1m",
            "steadyState": [{"name": "answers", "http": probe}],
            "detection": {"within": "6s", "alerts": [f'{{alertname="{alert}"}}']},
            "recovery": {"within": "50s", "stableFor": "3s"}, "guards": {"minReady": 0, "steadyFor": "1s"}}}}))
    absence = 0.0
    if scenario == "restarted":
        kubectl("-n", NAMESPACE, "wait", "--for=jsonpath={.status.facts[?(@.name==\"impactStarted\")].name}=impactStarted", f"experimentrun/{name}", "--timeout=40s")
        time.sleep(phase)
        killed = time.time()
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.5)
        process = operator(parts, log)
        time.sleep(0.5)
        absence = time.time() - killed
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Complete", f"experimentrun/{name}", "--timeout=120s")
    client.over.set()
    client.join()
    process.terminate()
    process.wait()
    status = json.loads(kubectl("-n", NAMESPACE, "get", "experimentrun", name, "-o", "json"))["status"]
    took = lambda part: tuple(length(status[part]["took"][key]) for key in ("min", "max")) if "took" in status.get(part, {}) else None
    reported = took("detection"), took("recovery")
    facts = {fact["name"]: stamp(fact["at"]) for fact in status["facts"]}
    return status, reported, facts, truth(offset, client, alert), absence


def setup():
    deployment = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}, "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
                "name": "web", "image": "registry.local/shop:1", "imagePullPolicy": "Never",
                "env": [{"name": "WARM_UP", "value": "14"}],
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}}]}}}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
               "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {"firedrill.dev/enabled": "true"}}}
    kubectl("apply", "-f", "-", body=json.dumps(space))
    subprocess.run([BINARY, "enable", NAMESPACE, "--yes"], check=True, stdout=subprocess.DEVNULL)
    for thing in (deployment, service):
        kubectl("-n", NAMESPACE, "apply", "-f", "-", body=json.dumps(thing))
    down = 'absent(up{namespace="accuracy", app="web"} == 1)'
    rules = [("AccuracyDown", "0s"), ("AccuracyLate", "7s")]
    with open(f"{MON}/rules/accuracy.yml", "w", encoding="utf-8") as out:
        json.dump({"groups": [{"name": "accuracy", "rules": [
            {"alert": name, "expr": down, "for": wait, "labels": {"namespace": NAMESPACE}} for name, wait in rules]}]}, out)
    urllib.request.urlopen(urllib.request.Request(f"{PROMETHEUS}/-/reload", method="POST"), timeout=5).close()


def main():
    setup()
    rng = random.Random(SEED)
    plan = [SCENARIOS[index % len(SCENARIOS)] for index in range(RUNS)]
    held, caught, rows = 0, {"shifted by 2s": 0, "receipt sold as firing": 0}, []
    receipts = 0
    print(f"{'run':>4} {'scenario':12} {'detection: reported':>22} {'true':>8} {'recovery: reported':>22} {'true':>8} {'width':>7} {'allowed':>8} {'absence':>8}")
    with open(f"{MON}/accuracy.log", "w", encoding="utf-8") as log:
        for number, scenario in enumerate(plan):
            status, reported, facts, real, absence = one(number, scenario, rng.uniform(0, 3), log)
            allowed = EVALUATION + INTERVAL + TIMEOUT + 0.1 + absence
            good = judge(reported, real, allowed)
            held += good
            shifted = tuple(took and (took[0] + 2, took[1] + 2) for took in reported)
            caught["shifted by 2s"] += not judge(shifted, real, allowed)
            # Only a receipt that came later than the bounds are wide can be told from the firing.
            if reported[0] and facts.get("notified", 0) - real[2] > allowed:
                receipts += 1
                receipt = facts["notified"] - facts["injected"]
                caught["receipt sold as firing"] += not judge(((receipt - 0.1, receipt), reported[1]), real, allowed)
            injected, back, fired = real
            show = lambda took: f"{took[0]:9.3f} - {took[1]:8.3f}s" if took else "none"
            width = max(took[1] - took[0] for took in reported if took)
            true_fired = f"{fired - injected[0]:7.3f}s" if fired else "none"
            print(f"{number:4} {scenario:12} {show(reported[0]):>22} {true_fired:>8} {show(reported[1]):>22} {back[1] - injected[0]:7.3f}s {width:6.3f}s {allowed:7.3f}s {absence:7.2f}s  {status['verdict']}{'' if good else '  NOT CONTAINED'}", flush=True)
            rows.append({"scenario": scenario, "reported": reported, "true": {"injected": injected, "back": back, "fired": fired}, "width": width, "allowed": allowed, "absence": absence, "held": good})
    planted = caught["shifted by 2s"] == RUNS and caught["receipt sold as firing"] == receipts and receipts > 0
    os.makedirs("target/evidence", exist_ok=True)
    with open("target/evidence/accuracy.json", "w", encoding="utf-8") as out:
        json.dump({"seed": SEED, "held": held, "runs": RUNS, "planted": caught, "rows": rows}, out, indent=2)
    print(f"accuracy: seed {SEED}, the truth lies within the reported bounds in {held} of {RUNS}; planted: shifted facts caught {caught['shifted by 2s']}/{RUNS}, receipts sold as firing caught {caught['receipt sold as firing']}/{receipts}")
    return 0 if held == RUNS and planted else 1


sys.exit(main())
