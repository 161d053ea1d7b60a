"""The cluster as the measurement needs it: kubectl, the targets, their rules, and the operator's pod."""
import contextlib
import glob
import json
import os
import signal
import subprocess
import time
import urllib.request

from truth import PROMETHEUS, is_on

NAMESPACE, SYSTEM, OPERATOR = "accuracy", "firedrill-system", "deployment/firedrill-operator"
SOURCES = "prometheus: {url: 'http://172.30.0.1:9090'}\nalertmanager: {url: 'http://172.30.0.1:9093'}\n"
WEBHOOK = "webhook: {listen: '0.0.0.0:9480', tokenFile: /etc/firedrill/webhook/token}\n"


def kubectl(*args, body=None):
    done = subprocess.run(["kubectl", *args], input=body, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kubectl {' '.join(args)}: {done.stderr}")
    return done.stdout


def containers(namespace, selector):
    """The container ids of these pods, as the runtime has them."""
    path = "{.items[*].status.containerStatuses[*].containerID}"
    return {one.split("//")[-1] for one in kubectl("-n", namespace, "get", "pods", "-l", selector, "-o", f"jsonpath={path}").split()}


def nodes():
    return os.environ["NODES"].split()


def operators_node():
    """The node of the operator's pod, also where another one is still ending; None without one."""
    pods = json.loads(kubectl("-n", SYSTEM, "get", "pods", "-l", "app.kubernetes.io/name=firedrill", "-o", "json"))["items"]
    alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return alive[0]["spec"].get("nodeName") if alive else None


def operator(polling, webhook):
    """Gives the operator's pod this configuration, with a new process where it has another one."""
    config = (SOURCES if polling else "") + (WEBHOOK if webhook else "")
    if config != json.loads(kubectl("-n", SYSTEM, "get", "configmap", "firedrill", "-o", "json"))["data"]["firedrill.yaml"]:
        patch = json.dumps({"data": {"firedrill.yaml": config}})
        kubectl("-n", SYSTEM, "patch", "configmap", "firedrill", "--type", "merge", "-p", patch)
        kubectl("-n", SYSTEM, "rollout", "restart", OPERATOR)
    kubectl("-n", SYSTEM, "rollout", "status", OPERATOR, "--timeout=60s")


def kill_operator():
    """Kills the operator's process with its pod; the Deployment starts another one."""
    kubectl("-n", SYSTEM, "delete", "pods", "-l", "app.kubernetes.io/name=firedrill", "--grace-period=0", "--force")


def scale(replicas):
    """How many pods the operator has; comes back once they run."""
    kubectl("-n", SYSTEM, "scale", OPERATOR, f"--replicas={replicas}")
    if replicas:
        kubectl("-n", SYSTEM, "rollout", "status", OPERATOR, "--timeout=60s")


def recover(run):
    """After a run that could not be measured: an operator is there, and the run is not."""
    scale(1)
    kubectl("-n", NAMESPACE, "delete", "experimentrun", run, "--ignore-not-found", "--timeout=60s")


@contextlib.contextmanager
def proxy_held(node):
    """That node's kube-proxy learns of nothing meanwhile: what is known on one node is not yet on another."""
    with open(f"{os.environ['STATE']}/run/{node}-proxy.pid", encoding="utf-8") as file:
        process = int(file.read())
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


class Tail:
    """What the containers of an app write on one node from now on, by their runtime's files: no API call in between."""

    def __init__(self, node, app):
        pattern = f"{os.environ['STATE']}/{node}/pods-log/{NAMESPACE}_{app}-*/*/*.log"
        self.files = [open(path, encoding="utf-8") for path in glob.glob(pattern)]
        self.text = ""
        for file in self.files:
            file.seek(0, os.SEEK_END)

    def read(self):
        """Everything since then, without what the runtime puts before each line."""
        for file in self.files:
            while (line := file.readline()).endswith("\n"):
                self.text += line.split(" ", 3)[3]
        return self.text

    def close(self):
        for file in self.files:
            file.close()


# Each answers after so many seconds once its container runs: (pods, seconds, more of its environment, strategy).
# `front` asks `back` for every request; its pods are on both nodes, each of which learns by itself where `back` is.
TARGETS = {
    "web": (2, 14, {}, "RollingUpdate"),
    "quick": (2, 5, {}, "RollingUpdate"),
    "release": (2, 2, {}, "Recreate"),
    "back": (2, 0, {}, "RollingUpdate"),
    "front": (4, 0, {"DEPENDENCY": "10.96.94.90:80"}, "RollingUpdate"),
}
ADDRESSES = {"back": "10.96.94.90"}
IMAGE = "registry.local/shop:1"


def objects(app):
    """A Deployment behind a Service."""
    pods, warm_up, more, strategy = TARGETS[app]
    environment = {"WARM_UP": str(warm_up), "ACCESS_LOG": "1", **more}
    container = {
        "name": app, "image": IMAGE, "imagePullPolicy": "Never",
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}}
    spread = {
        "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": app}}}
    template = {
        "metadata": {"labels": {"app": app}, "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container], "topologySpreadConstraints": [spread]}}
    metadata = {"name": app, "namespace": NAMESPACE}
    address = {"clusterIP": ADDRESSES[app]} if app in ADDRESSES else {}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {
            "replicas": pods, "selector": {"matchLabels": {"app": app}}, "strategy": {"type": strategy}, "template": template}},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {
            "selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}], **address}}]


def targets(apps):
    kubectl("create", "namespace", NAMESPACE)
    subprocess.run(["firedrill", "enable", NAMESPACE, "--yes"], check=True, stdout=subprocess.DEVNULL)
    items = [thing for app in apps for thing in objects(app)]
    kubectl("apply", "-f", "-", body=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def down(app):
    return f'absent(up{{namespace="{NAMESPACE}", app="{app}"}} == 1)'


def errors(window):
    return f'sum(rate(requests_total{{namespace="{NAMESPACE}", app="front", code="502"}}[{window}])) > 0'


# By name: what must be true, and for how long.
RULES = {
    "AccuracyDown": (down("web"), "0s"),
    "AccuracyLate": (down("web"), "7s"),
    "AccuracyQuick": (down("quick"), "0s"),
    "AccuracyRelease": (down("release"), "0s"),
    "AccuracyErrors": (errors("3s"), "0s"),
    # Fires when the errors are over already, and long enough for a notification that waits for its group.
    "AccuracyLingers": (errors("12s"), "3s"),
}


def rules(folder):
    group = {"name": "accuracy", "rules": [
        {"alert": name, "expr": expression, "for": wait, "labels": {"namespace": NAMESPACE}} for name, (expression, wait) in RULES.items()]}
    with open(f"{folder}/rules/accuracy.yml", "w", encoding="utf-8") as out:
        json.dump({"groups": [group]}, out)
    request = urllib.request.Request(f"{PROMETHEUS}/-/reload", method="POST")
    urllib.request.urlopen(request, timeout=5).close()


def until(path, value, name, seconds):
    """Waits until that path of the run's status has the value."""
    condition = f"--for=jsonpath={path}={value}"
    kubectl("-n", NAMESPACE, "wait", condition, f"experimentrun/{name}", f"--timeout={seconds}s")


def wait_for(condition, seconds, what, pause=0.1):
    """Asks again until it is so; what it says then."""
    end = time.time() + seconds
    while time.time() < end:
        found = condition()
        if found:
            return found
        time.sleep(pause)
    raise TimeoutError(f"waited {seconds} s in vain for {what}")


def whole(app):
    """Waits until every pod of that app is ready."""
    kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{app}", "--timeout=90s")


def quiet(apps, alert):
    """Waits until these are whole and the rule is on no more."""
    for app in apps:
        whole(app)
    wait_for(lambda: not is_on(alert), 60, f"{alert} to end")
