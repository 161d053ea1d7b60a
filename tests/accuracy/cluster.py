"""The cluster as the measurement needs it: kubectl, the target, its rules, and the operator's pod."""
import json
import os
import subprocess
import time
import urllib.request

from truth import PROMETHEUS

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
    """The node of the operator's pod, also where another one is still ending."""
    pods = json.loads(kubectl("-n", SYSTEM, "get", "pods", "-l", "app.kubernetes.io/name=firedrill", "-o", "json"))["items"]
    (pod,) = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return pod["spec"]["nodeName"]


def operator(polling, webhook):
    """Gives the operator's pod this configuration, with a new process."""
    config = (SOURCES if polling else "") + (WEBHOOK if webhook else "")
    patch = json.dumps({"data": {"firedrill.yaml": config}})
    kubectl("-n", SYSTEM, "patch", "configmap", "firedrill", "--type", "merge", "-p", patch)
    kubectl("-n", SYSTEM, "rollout", "restart", OPERATOR)
    kubectl("-n", SYSTEM, "rollout", "status", OPERATOR, "--timeout=60s")


def kill_operator():
    """Kills the operator's process with its pod; the Deployment starts another one."""
    kubectl("-n", SYSTEM, "delete", "pods", "-l", "app.kubernetes.io/name=firedrill", "--grace-period=0", "--force")


def target():
    """A Deployment of two that needs 14 seconds to come back, behind a Service, with two rules."""
    container = {
        "name": "web", "image": "registry.local/shop:1", "imagePullPolicy": "Never",
        "env": [{"name": "WARM_UP", "value": "14"}, {"name": "ACCESS_LOG", "value": "1"}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}}
    template = {
        "metadata": {"labels": {"app": "web"}, "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}
    kubectl("create", "namespace", NAMESPACE)
    subprocess.run(["firedrill", "enable", NAMESPACE, "--yes"], check=True, stdout=subprocess.DEVNULL)
    for thing in (
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": NAMESPACE},
         "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": NAMESPACE},
         "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}},
    ):
        kubectl("apply", "-f", "-", body=json.dumps(thing))


def rules(folder):
    down = 'absent(up{namespace="accuracy", app="web"} == 1)'
    group = {"name": "accuracy", "rules": [
        {"alert": name, "expr": down, "for": wait, "labels": {"namespace": NAMESPACE}}
        for name, wait in (("AccuracyDown", "0s"), ("AccuracyLate", "7s"))]}
    with open(f"{folder}/rules/accuracy.yml", "w", encoding="utf-8") as out:
        json.dump({"groups": [group]}, out)
    request = urllib.request.Request(f"{PROMETHEUS}/-/reload", method="POST")
    urllib.request.urlopen(request, timeout=5).close()


def until(path, value, name, seconds):
    """Waits until that path of the run's status has the value."""
    condition = f"--for=jsonpath={path}={value}"
    kubectl("-n", NAMESPACE, "wait", condition, f"experimentrun/{name}", f"--timeout={seconds}s")


def quiet():
    """Waits until the target is whole and no rule is on any more."""
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/web", "--timeout=90s")
    time.sleep(1)
