"""The cluster as an attack needs it: the API server, the tenants' namespaces, and what stands and runs in them."""
import contextlib
import dataclasses
import json
import subprocess
import threading
import time

from cluster import Api, Refused, at, eventually, get, kubectl, must, seconds
from pods import Pod

# Who attacks, and the namespace of the tenant who must not notice it.
MALLORY, QUIET = "mallory", "neighbours-quiet"
SHOP, PAUSE = "registry.local/shop:1", "registry.local/pause:3.10"
# Another tenant's run begins at most so much later than the slowest one without an attack, in seconds: two turns of the
# operator's loop. An attack costs the API server time too, so that each of the calls until an injection may take as long as
# the creation of the run took there.
LATER, CALLS = 2.0, 10
# As many annotations as an object may have.
LARGE = {"note": "x" * 250_000}


@dataclasses.dataclass
class Here:
    """Where an attack takes place: mallory's namespace, firedrill's pods, the API server's audit log, and how soon a run of
    the other tenant's begins after another operator has started, without an attack."""
    namespace: str
    operator: Pod
    reaper: Pod
    audit: str
    restart: float
    # Held by whoever starts a run of the other tenant's: two of them would wait for each other.
    other_tenant: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def other_run(self):
        """How soon a run of the other tenant's begins."""
        with self.other_tenant:
            return broken_after()

    def restarted(self):
        """Puts another operator in the place of this one; how soon a run of the other tenant's begins then."""
        with self.other_tenant:
            self.operator.replace()
            begun = broken_after()
        must(begun.is_soon(self.restart),
             f"beside an operator that starts a run of another tenant's begins after {begun.after:.1f} s, without an attack after {self.restart:.1f} s")
        return begun.after


def created(here, kind, bodies):
    """Mallory creates these, all of which the API server takes."""
    words = refusals(here, kind, bodies)
    must(not words, f"the API server refuses {len(words)}: {words[:1]}")


def refusals(here, kind, bodies):
    """Mallory creates these; the words about those that the API server refuses."""
    api, words = Api(MALLORY), []
    for body in bodies:
        try:
            api.ask("POST", at(kind, here.namespace), body)
        except Refused as refused:
            words.append(str(refused))
    return words


def changed(path, change, user=None, part=""):
    """Puts in place of an object, or of a part of it, what `change` makes of it, whoever else writes it."""
    def put():
        found = Api().ask("GET", path)
        change(found)
        try:
            return Api(user).ask("PUT", path + part, found)
        except Refused as refused:
            if refused.status != 409:
                raise
            return None
    return eventually(f"a change of {path} that is taken", 10, put)


def apply(namespace, *objects):
    kubectl("-n", namespace, "apply", "-f", "-", body=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def stands(namespace, *deployments):
    """Waits until every pod of these is ready."""
    for name in deployments:
        kubectl("-n", namespace, "rollout", "status", f"deployment/{name}", "--timeout=60s")


def opened(namespace):
    """A namespace in which experiments may run, on the Deployment `web`; its Service answers nobody."""
    labels = {"firedrill-neighbours": "true"}
    kubectl("create", "-f", "-", body=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}))
    subprocess.run(["firedrill", "enable", namespace, "--yes"], check=True, stdout=subprocess.DEVNULL)
    apply(namespace, deployment("web"), service("web"))


@contextlib.contextmanager
def mallorys(namespace):
    """A namespace in which mallory may edit and start runs, for as long as an attack takes."""
    opened(namespace)
    try:
        for role in ("edit", "firedrill-run"):
            kubectl("-n", namespace, "create", "rolebinding", f"mallory-{role}", f"--clusterrole={role}", f"--user={MALLORY}")
        stands(namespace, "web")
        yield namespace
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")


def deployment(name, image=PAUSE, replicas=2, labels=None, environment=None):
    env = [{"name": key, "value": value} for key, value in (environment or {}).items()]
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name, **(labels or {})}},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [
                {"name": "c", "image": image, "imagePullPolicy": "Never", "env": env}]}}},
    }


def service(name, address=None):
    ip = {"clusterIP": address} if address else {}
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}], **ip}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def experiment(target="web", **change):
    """The spec of a kill of one pod that nobody has to notice."""
    return {
        "hypothesis": "h", "owner": "o", "target": {"deployment": target}, "fault": {"podKill": {"count": 1}},
        "duration": "1m", "tolerates": True, "steadyState": [{"name": "whole", "workload": {}}],
        "detection": {"alerts": ['{alertname="None"}']}, "recovery": {"stableFor": "1s"}, "guards": {"steadyFor": "0s"},
        **change,
    }


def waits(**change):
    """The spec of an experiment that waits for its probe, which it sends once in a minute, in vain."""
    probe = {"name": "answers", "tcp": {"service": "web", "port": 80, "interval": "1m"}}
    return experiment(**{"steadyState": [probe], "guards": {"steadyFor": "10m"}, **change})


def experiment_object(name, spec, annotations=None):
    return {"apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": name, "annotations": annotations}, "spec": spec}


def run(name, spec, annotations=None, **change):
    return {"apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun", "metadata": {"name": name, "annotations": annotations},
            "spec": {"experiment": "x", "template": spec, **change}}


def status(namespace, name):
    return get("experimentruns", namespace, name).get("status", {})


def fact(namespace, name, wanted, limit=60):
    """A fact of a run, once it is there."""
    def found():
        return next((one for one in status(namespace, name).get("facts", []) if one["name"] == wanted), None)
    return eventually(f"the fact {wanted} of run {name}", limit, found)


def finished(namespace, name, limit=60):
    """The status of a run once it is over."""
    def completed():
        now = status(namespace, name)
        return now if now.get("completionTime") else None
    return eventually(f"the end of run {name}", limit, completed)


def waiting(here, count, spec=None, annotations=None):
    """So many runs of mallory's that wait; comes back once the operator has taken up the last one."""
    created(here, "experimentruns", [run(f"w{number}", spec or waits(), annotations) for number in range(count)])
    fact(here.namespace, f"w{count - 1}", "accepted")


@dataclasses.dataclass
class Begun:
    """How long it took from the creation of a run of the other tenant's to its injection, and the creation alone, in seconds."""
    after: float
    created: float

    def is_soon(self, slowest):
        """Whether nobody has to notice an attack by it, where without one it takes that long at most."""
        return self.after <= slowest + LATER + CALLS * self.created


def broken_after(limit=60):
    """Creates a run of the other tenant's and says how soon it begins."""
    api, name, began = Api(), f"other-{time.time_ns()}", time.time()
    api.ask("POST", at("experimentruns", QUIET), run(name, experiment()))
    created_after = time.time() - began
    try:
        injected = fact(QUIET, name, "injected", limit)
        finished(QUIET, name)
    finally:
        Api().ask("DELETE", at("experimentruns", QUIET, name))
    return Begun(seconds(injected["at"]) - began, created_after)
