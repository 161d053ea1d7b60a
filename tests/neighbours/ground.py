"""The cluster as an attack needs it: the two tenants, firedrill's pods and what they took, the port's token."""
import contextlib
import datetime
import http.client
import json
import os
import ssl
import subprocess
import time

MALLORY, QUIET, OTHER = "mallory", "quiet", "other"
PORT = ("10.96.94.80", 9480)
SHOP, PAUSE = "registry.local/shop:1", "registry.local/pause:3.10"
LARGE = {"note": "x" * 250_000}


class Refused(Exception):
    """The API server does not take it; the text says why."""


def kubectl(*args, body=None, as_tenant=False):
    who = ["--as", MALLORY] if as_tenant else []
    said = subprocess.run(["kubectl", *who, *args], input=body, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise Refused(said.stderr.strip())
    return said.stdout


def get(kind, namespace, name):
    return json.loads(kubectl("-n", namespace, "get", kind, name, "-o", "json"))


class Api:
    """One connection to the API server, as the administrator or as the tenant: an attack is many requests."""

    def __init__(self, as_tenant=True):
        pki = os.environ["STATE"] + "/pki"
        context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
        context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")
        self.connection = http.client.HTTPSConnection(os.environ["CONTROL_IP"], 6443, timeout=30, context=context)
        self.headers = {"Content-Type": "application/json"} | ({"Impersonate-User": MALLORY} if as_tenant else {})

    def create(self, path, body):
        self.connection.request("POST", path, json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        said = json.loads(answer.read())
        if answer.status >= 300:
            raise Refused(said.get("message", str(answer.status)))
        return said


def firedrill(kind, namespace):
    return f"/apis/firedrill.dev/v1alpha1/namespaces/{namespace}/{kind}"


def policies(namespace):
    return f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"


def deployment(name, replicas=2, image=PAUSE, environment=None):
    env = [{"name": key, "value": value} for key, value in (environment or {}).items()]
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [
                {"name": "c", "image": image, "imagePullPolicy": "Never", "env": env}]}}},
    }


def service(name, address=None):
    ip = {"clusterIP": address} if address else {}
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}], **ip}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def experiment(target="web", **change):
    """A kill of one pod that nobody has to notice."""
    return {
        "hypothesis": "h", "owner": "o", "target": {"deployment": target}, "fault": {"podKill": {"count": 1}},
        "duration": "1m", "tolerates": True, "steadyState": [{"name": "whole", "workload": {}}],
        "detection": {"alerts": ['{alertname="None"}']}, "recovery": {"stableFor": "1s"}, "guards": {"steadyFor": "0s"},
        **change,
    }


def run(name, spec, annotations=None, **change):
    metadata = {"name": name} | ({"annotations": annotations} if annotations else {})
    return {"apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun", "metadata": metadata,
            "spec": {"experiment": "x", "template": spec, **change}}


def apply(namespace, *objects):
    for one in objects:
        kubectl("-n", namespace, "apply", "-f", "-", body=json.dumps(one))


def opened(*namespaces):
    """Fresh namespaces in which experiments may run; mallory may edit his own and start runs there."""
    kubectl("delete", "namespace", *namespaces, "--ignore-not-found")
    for namespace in namespaces:
        kubectl("create", "namespace", namespace)
        subprocess.run(["firedrill", "enable", namespace, "--yes"], check=True, stdout=subprocess.DEVNULL)
        apply(namespace, deployment("web"))
    if MALLORY in namespaces:
        for role in ("edit", "firedrill-run"):
            kubectl("-n", MALLORY, "create", "rolebinding", f"mallory-{role}", f"--clusterrole={role}", f"--user={MALLORY}")
    for namespace in namespaces:
        kubectl("-n", namespace, "rollout", "status", "deployment/web", "--timeout=60s")


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def fact(status, name):
    return next((one for one in status.get("facts", []) if one["name"] == name), None)


def eventually(what, limit, look):
    """What `look` gives once that is something."""
    end = time.time() + limit
    while time.time() < end:
        if found := look():
            return found
        time.sleep(0.2)
    raise TimeoutError(f"waited {limit} s in vain for {what}")


def status(namespace, name):
    return get("experimentrun", namespace, name).get("status", {})


def finished(namespace, name, limit=60):
    def completed():
        now = status(namespace, name)
        return now if now.get("completionTime") else None
    return eventually(f"the end of run {name}", limit, completed)


def broken_after(name, limit=60):
    """How long it takes from the creation of another tenant's run to its injection, in seconds."""
    api, began = Api(as_tenant=False), time.time()
    api.create(firedrill("experimentruns", QUIET), run(name, experiment()))
    injected = eventually(f"the injection of run {name}", limit, lambda: fact(status(QUIET, name), "injected"))
    finished(QUIET, name)
    return seconds(injected["at"]) - began


class Pod:
    """One of firedrill's pods, by its process on this machine."""

    def __init__(self, component):
        self.component = component
        self.namespace = "firedrill-reaper" if component == "reaper" else "firedrill-system"
        limits = get("deployment", self.namespace, f"firedrill-{component}")["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
        self.limit = int(limits["memory"].removesuffix("Mi"))
        self.began = None
        self.look()

    def look(self):
        """From here on what it takes counts anew."""
        self.began = self.starts()
        with contextlib.suppress(OSError), open(f"/proc/{self.process()}/clear_refs", "w", encoding="ascii") as refs:
            refs.write("5")

    def process(self):
        found = subprocess.run(["pgrep", "-nxf", rf"/?[^ ]*firedrill {self.component}( .*)?"], capture_output=True, text=True, check=False)
        return int(found.stdout)

    def peak(self):
        """The most that was resident, in MiB (VmHWM of proc(5))."""
        with open(f"/proc/{self.process()}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    def starts(self):
        """How often its containers have started: by pods and their restarts."""
        pods = json.loads(kubectl("-n", self.namespace, "get", "pods", "-l", f"app.kubernetes.io/component={self.component}", "-o", "json"))["items"]
        return sorted((pod["metadata"]["uid"], one["restartCount"]) for pod in pods for one in pod["status"].get("containerStatuses", []))

    def restarted(self):
        return self.starts() != self.began

    def replace(self):
        """A new pod, which must come to work."""
        kubectl("-n", self.namespace, "rollout", "restart", f"deployment/firedrill-{self.component}")
        kubectl("-n", self.namespace, "rollout", "status", f"deployment/firedrill-{self.component}", "--timeout=60s")
        self.began = self.starts()


def token():
    with open(f"{os.environ['STATE']}/mon/token", encoding="utf-8") as file:
        return file.read().strip()


def notify(alerts, timeout=30):
    """What the port answers to a notification of Alertmanager."""
    connection = http.client.HTTPConnection(*PORT, timeout=timeout)
    body = json.dumps({"version": "4", "status": "firing", "receiver": "firedrill", "alerts": alerts})
    headers = {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/alertmanager", body, headers)
    return connection.getresponse().status


def alert(name, namespace, **labels):
    now = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
    return {"status": "firing", "labels": {"alertname": name, "namespace": namespace, **labels}, "annotations": {},
            "startsAt": now, "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": f"{abs(hash((name, str(labels)))):016x}"[:16]}
