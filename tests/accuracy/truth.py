"""What really happened, found without any code or data of the operator. Everything runs on one machine,
so on one clock.

  the API server's audit log    when evictions were accepted, when kubelets reported pods ready
  the runtime's events          when containers ended and started
  Prometheus, Alertmanager      when the alert fired, each by its own API
  the target's access log       which requests were served, to whom
  a client of our own           every 20 ms, as a user would on the operator's node: each node learns
                                in its own time that a Service has endpoints again
"""
import collections
import ctypes
import datetime
import http.client
import itertools
import json
import re
import subprocess
import threading
import time
import urllib.parse
import urllib.request

CLONE_NEWNET = 0x40000000
PROMETHEUS, ALERTMANAGER = "http://127.0.0.1:9090", "http://127.0.0.1:9093"


def stamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def fetch(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


class Client(threading.Thread):
    """Asks the Service every 20 ms from a network namespace and keeps (sent, answered, good).

    Connection tracking remembers a connection to a pod that died for two minutes, and sends another one
    from the same source port after it. So no port is used again for six minutes: every request is that of
    somebody new.
    """

    ports = collections.defaultdict(lambda: itertools.cycle(range(12000, 30000)))

    def __init__(self, network, address, timeout):
        super().__init__(daemon=True)
        self.network, self.address, self.timeout = network, address, timeout
        self.samples, self.over = [], threading.Event()

    def run(self):
        # The network of this thread alone changes.
        with open(self.network, "rb") as network:
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter {self.network}")
        due = time.time()
        while not self.over.is_set():
            sent = time.time()
            try:
                source = ("", next(self.ports[self.network]))
                connection = http.client.HTTPConnection(self.address, 80, timeout=self.timeout, source_address=source)
                connection.request("GET", "/healthz", headers={"User-Agent": "truth"})
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
            raise RuntimeError("our own client never saw the service down and back again")
        return later[failed[-1]][0], later[failed[-1] + 1][1]


class Runtime:
    """The events of every node's container runtime: (instant, topic, container)."""

    LINE = re.compile(r"^(\S+ \S+) \+0000 UTC \S+ (/tasks/\S+) (\{.*\})$")

    def __init__(self, sockets):
        self.events, self.processes = [], []
        for socket in sockets:
            process = subprocess.Popen(["ctr", "-a", socket, "-n", "k8s.io", "events"], stdout=subprocess.PIPE, text=True)
            self.processes.append(process)
            threading.Thread(target=self.read, args=(process.stdout,), daemon=True).start()

    def read(self, lines):
        for line in lines:
            found = self.LINE.match(line.strip())
            if found:
                at = datetime.datetime.fromisoformat(found[1][:26] + "+00:00").timestamp()
                self.events.append((at, found[2], json.loads(found[3]).get("container_id")))

    def ended(self, containers):
        """When each of these containers ended, earliest first."""
        return sorted(at for at, topic, name in self.events if topic == "/tasks/exit" and name in containers)

    def started(self, containers):
        return sorted(at for at, topic, name in self.events if topic == "/tasks/start" and name in containers)

    def close(self):
        for process in self.processes:
            process.kill()


def audit(path, offset, namespace):
    with open(path, encoding="utf-8") as log:
        log.seek(offset)
        for line in log:
            event = json.loads(line)
            if event.get("objectRef", {}).get("namespace") == namespace:
                yield event


def injection_and_readiness(events):
    """From the first eviction received to the last one accepted, and when the last new pod was ready."""
    accepted, ready = [], {}
    for event in events:
        ref = event["objectRef"]
        if ref.get("subresource") == "eviction" and event["responseStatus"]["code"] == 201:
            accepted.append((stamp(event["requestReceivedTimestamp"]), stamp(event["stageTimestamp"])))
        if ref.get("resource") == "pods" and ref.get("subresource") == "status" and event["verb"] == "patch":
            conditions = event.get("responseObject", {}).get("status", {}).get("conditions", [])
            if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                ready.setdefault(ref["name"], stamp(event["stageTimestamp"]))
    injected = min(first for first, _ in accepted), max(last for _, last in accepted)
    return injected, max(at for at in ready.values() if at > injected[0])


def fired(alert, after):
    """When the alert fired: by Prometheus' series, and Alertmanager must have the same instant."""
    query = urllib.parse.quote(f'ALERTS{{alertname="{alert}",alertstate="firing"}}[5m]')
    series = fetch(f"{PROMETHEUS}/api/v1/query?query={query}")["data"]["result"]
    seen = [at for one in series for at, _ in one["values"] if at > after]
    if not seen:
        return None
    at = min(seen)
    known = fetch(f"{ALERTMANAGER}/api/v2/alerts?filter=" + urllib.parse.quote(f'alertname="{alert}"'))
    theirs = [stamp(one["startsAt"]) for one in known]
    # It keeps a resolved alert no longer than the run may last after it.
    if theirs and min(abs(at - other) for other in theirs) > 0.01:
        raise RuntimeError(f"Prometheus says that {alert} fired at {at}, Alertmanager {theirs}")
    return at


def served(log, agent, after):
    """When requests of that agent were answered with 200."""
    times = []
    for line in log.splitlines():
        at, _, status, who = line.split(" ", 3)
        if who.startswith(agent) and status == "200" and float(at) > after:
            times.append(float(at))
    return sorted(times)
