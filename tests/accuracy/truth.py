"""What really happened, found without any code or data of the operator. Everything runs on one machine,
so on one clock.

  the API server's audit log    when evictions and patches were accepted, whose they were, and when
                                kubelets reported pods ready
  the runtime's events          when containers ended and started
  Prometheus, Alertmanager      when the alert fired and when it ended, each by its own API
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
from typing import NamedTuple

CLONE_NEWNET = 0x40000000
PROMETHEUS, ALERTMANAGER = "http://127.0.0.1:9090", "http://127.0.0.1:9093"


class Missed(Exception):
    """What a run is about did not happen, or something else did: it tells nothing."""


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

    def __init__(self, network, address, path, timeout):
        super().__init__(daemon=True)
        self.network, self.address, self.path, self.timeout = network, address, path, timeout
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
                connection.request("GET", self.path, headers={"User-Agent": "truth"})
                good = connection.getresponse().status == 200
                connection.close()
            except OSError:
                good = False
            self.samples.append((sent, time.time(), good))
            due = max(due + 0.02, time.time())
            time.sleep(max(0.0, due - time.time()))

    def impact(self, after):
        """When the first sample that failed after `after` was sent, if one did."""
        return next((sent for sent, _, good in self.samples if sent > after and not good), None)

    def back(self, after, stable):
        """From the last failed sample after `after` to the second good one behind it, where for so long none failed again.

        Where several pods answer, the first good one may have been lucky, of ours as of the operator's.
        """
        later = [sample for sample in self.samples if sample[0] > after]
        failed = [index for index, sample in enumerate(later) if not sample[2]]
        for index, following in zip(failed, failed[1:] + [len(later)]):
            until = later[following - 1][1] if following > index + 1 else 0
            if until and until - later[index + 1][0] >= stable:
                if following < len(later):
                    raise Missed(f"the service failed anew {later[following][0] - later[index + 1][0]:.1f} s after it was back")
                return later[index][0], later[index + 2][1]
        raise Missed("our own client never saw the service down, and back again for long enough")

    def is_back(self, seconds):
        """Whether it saw the service down, and good ever since for so long."""
        failed = [answered for _, answered, good in list(self.samples) if not good]
        return bool(failed) and self.samples[-1][0] > failed[-1] + seconds

    def finish(self):
        self.over.set()
        self.join()


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


class Audit:
    """The API server's audit log from now on, as far as it concerns one namespace."""

    def __init__(self, path, namespace):
        self.log, self.mark, self.events = open(path, encoding="utf-8"), f'"namespace":"{namespace}"', []
        self.log.seek(0, 2)
        self.part = ""

    def read(self):
        """Every event since then, in the order of their ends."""
        *lines, self.part = (self.part + self.log.read()).split("\n")
        self.events += [event for event in map(json.loads, filter(lambda line: self.mark in line, lines)) if "objectRef" in event]
        return self.events

    def close(self):
        self.log.close()


def evicted(events):
    """From the first eviction received to the last one accepted."""
    accepted = [
        (stamp(event["requestReceivedTimestamp"]), stamp(event["stageTimestamp"])) for event in events
        if event["objectRef"].get("subresource") == "eviction" and event["responseStatus"]["code"] == 201]
    return min(first for first, _ in accepted), max(last for _, last in accepted)


class Ready(NamedTuple):
    """The second that a kubelet wrote down, and when its report was received and accepted."""
    stamped: float
    received: float
    done: float


def readied(events, prefix, after):
    """When the last new pod of that prefix was ready."""
    ready = {}
    for event in events:
        ref = event["objectRef"]
        report = ref.get("resource") == "pods" and ref.get("subresource") == "status" and event["verb"] == "patch"
        done = stamp(event["stageTimestamp"])
        if report and ref["name"].startswith(prefix) and done > after:
            conditions = event.get("responseObject", {}).get("status", {}).get("conditions", [])
            since = [stamp(c["lastTransitionTime"]) for c in conditions if c["type"] == "Ready" and c["status"] == "True"]
            if since:
                ready.setdefault(ref["name"], Ready(since[0], stamp(event["requestReceivedTimestamp"]), done))
    return max(ready.values(), key=lambda one: one.done)


class Change(NamedTuple):
    received: float
    done: float
    user: str
    value: object

    @property
    def span(self):
        return self.received, self.done


def changes(events, resource, name, value, was):
    """The accepted writes that gave `value` of that object another value, in their order."""
    found, last = [], was
    for event in events:
        ref = event["objectRef"]
        is_write = event["verb"] in ("patch", "update") and "subresource" not in ref and "dryRun" not in event["requestURI"]
        if is_write and (ref.get("resource"), ref.get("name")) == (resource, name) and event["responseStatus"]["code"] == 200:
            new = value(event["responseObject"])
            if new != last:
                span = stamp(event["requestReceivedTimestamp"]), stamp(event["stageTimestamp"])
                found.append(Change(*span, event["user"]["username"], new))
            last = new
    return found


def looked(events, user, after):
    """When that user had listed pods for the first time after `after`."""
    times = [
        stamp(event["stageTimestamp"]) for event in events
        if event["verb"] == "list" and event["objectRef"]["resource"] == "pods" and event["user"]["username"] == user]
    return min((at for at in times if at > after), default=None)


def written(events, run, fact):
    """When the operator asked to write that fact of a run."""
    for event in events:
        ref = event["objectRef"]
        written = event["responseStatus"]["code"] == 200
        if written and (ref.get("resource"), ref.get("name"), ref.get("subresource")) == ("experimentruns", run, "status"):
            facts = event.get("responseObject", {}).get("status", {}).get("facts", [])
            if any(known["name"] == fact for known in facts):
                return stamp(event["requestReceivedTimestamp"])
    return None


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


class Alert(threading.Thread):
    """Asks Prometheus and Alertmanager every 50 ms whether an alert is on, and keeps (asked, answered, on)."""

    def __init__(self, alert):
        super().__init__(daemon=True)
        self.alert, self.samples, self.over = alert, [], threading.Event()

    def run(self):
        while not self.over.is_set():
            asked = time.time()
            on = is_on(self.alert)
            self.samples.append((asked, time.time(), on))
            time.sleep(0.05)

    def ended(self):
        """From the last answer that it was on to the first after it that it was not; None while it is on."""
        samples = list(self.samples)
        on = [index for index, sample in enumerate(samples) if sample[2]]
        if not on or on[-1] + 1 >= len(samples):
            return None
        return samples[on[-1]][0], samples[on[-1] + 1][1]

    def finish(self):
        self.over.set()
        self.join()


def is_on(alert):
    """Whether it is pending or firing, by either."""
    query = urllib.parse.quote(f'ALERTS{{alertname="{alert}"}}')
    known = urllib.parse.quote(f'alertname="{alert}"')
    firing = fetch(f"{PROMETHEUS}/api/v1/query?query={query}")["data"]["result"]
    return bool(firing or fetch(f"{ALERTMANAGER}/api/v2/alerts?filter={known}"))


class Request(NamedTuple):
    at: float
    path: str
    status: str
    agent: str


def requests(log, agent, after):
    """The requests of that agent in a target's log, in their order."""
    lines = (line.split(" ", 3) for line in log.splitlines())
    found = (Request(float(at), path, status, who) for at, path, status, who in lines)
    return sorted(one for one in found if one.agent.startswith(agent) and one.at > after)
