"""The cluster: what it is asked, operators as processes, and how long something is waited for."""
import atexit
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import os
import signal
import ssl
import subprocess
import tempfile
import threading
import time

BINARY = ""
STATE = os.environ["STATE"]
AUDIT = os.environ["AUDIT_LOG"]
LABEL = "firedrill-gamedays"
# Of the error budget of a namespace five percent are left for each pod of it that can be scraped.
CONFIG = {"prometheus": {"url": f"http://{os.environ['CONTROL_IP']}:9090"}, "alertmanager": {"url": f"http://{os.environ['CONTROL_IP']}:9093"},
          "errorBudget": {"query": '5 * count(up{namespace="$namespace"} == 1)'}}
OURS = "apis/firedrill.dev/v1alpha1"
GROUPS = {"deployments": "apis/apps/v1", "services": "api/v1"}
local = threading.local()


class Untrue(Exception):
    """Something is not as it must be."""


def must(holds, what):
    if not holds:
        raise Untrue(what)


def kubectl(*args, body=None):
    said = subprocess.run(["kubectl", *args], input=body, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise RuntimeError(f"kubectl {' '.join(args)}: {said.stderr.strip()}")
    return said.stdout


def connection():
    """To the API server, as the administrator: kubectl for each look would take the processors from what is looked at."""
    pki = f"{STATE}/pki"
    context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
    context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")
    return http.client.HTTPSConnection(os.environ["CONTROL_IP"], 6443, timeout=30, context=context)


def ask(path, method="GET", body=None):
    if not hasattr(local, "connection"):
        local.connection = connection()
    local.connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
    answer = local.connection.getresponse()
    return answer, json.loads(answer.read())


def get(namespace, kind, name=""):
    """An object, or the list of all; None where there is nothing of that name."""
    path = f"/{GROUPS.get(kind, OURS)}/namespaces/{namespace}/{kind}" + (f"/{name}" if name else "")
    try:
        answer, said = ask(path)
    except (OSError, http.client.HTTPException):
        # The API server has closed a connection that was not used for a while.
        del local.connection
        answer, said = ask(path)
    must(answer.status in (200, 404), f"{kind} {name} in {namespace}: {said}")
    return said if answer.status == 200 else None


def items(namespace, kind):
    return get(namespace, kind)["items"]


def apply(*objects):
    kubectl("apply", "-f", "-", body=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def firedrill(*args):
    """What a command says, and how it ends."""
    done = subprocess.run([BINARY, *args], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr, done.returncode


def namespace(name):
    """An opted-in one in which game days start; removed at the end."""
    kubectl("delete", "namespace", name, "--ignore-not-found")
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, f"{LABEL}=true")
    said, code = firedrill("enable", name, "--scheduled", "--yes")
    must(code == 0, said)


def side_by_side(do, things, at_once=None):
    """Does it to all of them, at once or so many at a time, and gives what came of each."""
    with concurrent.futures.ThreadPoolExecutor(at_once or max(1, len(things))) as pool:
        return list(pool.map(do, things))


def eventually(what, limit, look):
    """What `look` gives once that is something."""
    end = time.time() + limit
    while True:
        if found := look():
            return found
        if time.time() > end:
            raise Untrue(f"waited {limit} s in vain for {what}")
        time.sleep(0.5)


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def stamp(instant):
    return datetime.datetime.fromtimestamp(instant, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def next_minute(after):
    """The first full minute that is at least so many seconds ahead, and the schedule that means it."""
    at = (int(time.time() + after) // 60 + 1) * 60
    return at, datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%-M %-H * * *")


def name_of(plan, at):
    """The name of the plan's day for that time."""
    return f"{plan}-" + datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y%m%dt%H%M")


def plan(namespace, name, steps, **spec):
    """One that looks at the steady state as shortly as it may, and whose days are created at their time, not before."""
    gates = {"steadyFor": "10s"} | spec.pop("goNoGo", {})
    spec["announce"] = {"before": "0s"}
    return {"apiVersion": "firedrill.dev/v1alpha1", "kind": "GameDay", "metadata": {"name": name, "namespace": namespace},
            "spec": {"steps": steps, "goNoGo": gates, **spec}}


def day(namespace, name):
    return get(namespace, "gamedayruns", name)


def status(object_):
    return (object_ or {}).get("status", {})


def is_over(object_):
    """A day whose outcome is written down and that is let go."""
    return bool(object_) and any(fact["name"] == "reported" for fact in status(object_).get("facts", [])) and not object_["metadata"].get("finalizers")


def over(namespace, name, limit):
    return eventually(f"the end of day {name} in {namespace}", limit, lambda: (lambda found: found if is_over(found) else None)(day(namespace, name)))


class Operators:
    """Processes with the chart's rights, side by side; none outlives this one."""
    all = []

    def __init__(self, count, **more):
        self.log = open(f"{STATE}/log/gamedays/operators.log", "a", encoding="utf-8")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False) as config:
            json.dump(CONFIG | more, config)
        self.config, self.count, self.processes = config.name, count, []
        self.all.append(self)
        atexit.register(self.kill)
        atexit.register(os.unlink, config.name)

    def start(self):
        command = [BINARY, "operator", "--kubeconfig", f"{STATE}/pki/firedrill-operator.kubeconfig", "--config", self.config]
        self.processes = [subprocess.Popen(command, stderr=self.log, env=os.environ | {"RUST_LOG": "firedrill=info"}) for _ in range(self.count)]

    def kill(self):
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.processes = []

    @contextlib.contextmanager
    def away(self):
        self.kill()
        try:
            yield
        finally:
            self.start()


class Audit:
    """The API server's audit log from now on."""

    def __init__(self):
        self.start = os.path.getsize(AUDIT)

    def events(self, *texts):
        """Every whole event that contains one of these texts."""
        found = []
        with open(AUDIT, encoding="utf-8") as log:
            log.seek(self.start)
            for line in log:
                if line.endswith("\n") and any(text in line for text in texts):
                    with contextlib.suppress(json.JSONDecodeError):
                        found.append(json.loads(line))
        return found

    def created(self, namespace, resource):
        """The objects of a namespace that were really created, by name, each with the instants at which that was; of runs
        those that are no rehearsal of a gate."""
        found = {}
        for event in self.events(f'"namespace":"{namespace}"'):
            ref = event.get("objectRef", {})
            is_it = (ref.get("namespace"), ref.get("resource"), ref.get("subresource"), event["verb"]) == (namespace, resource, None, "create")
            if not is_it or event.get("responseStatus", {}).get("code") != 201 or "dryRun" in event["requestURI"]:
                continue
            if not event["responseObject"]["spec"].get("dryRun") or resource != "experimentruns":
                name = event["responseObject"]["metadata"]["name"]
                found.setdefault(name, []).append(seconds(event["stageTimestamp"]))
        return found

    def evictions(self, namespace):
        """When pods of the namespace were evicted."""
        events = self.events(f'"namespace":"{namespace}"')
        return [seconds(event["stageTimestamp"]) for event in events if event.get("objectRef", {}).get("subresource") == "eviction"
                and event["objectRef"].get("namespace") == namespace and event.get("responseStatus", {}).get("code") == 201]
