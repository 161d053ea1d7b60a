"""Attacks on the operator's port: by who has no token (stranger.py), and by who has one and tells too much."""
import concurrent.futures
import contextlib
import datetime
import http.client
import json
import os
import subprocess
import time

from cluster import must
from ground import QUIET, created, experiment, fact, finished, run, waits

# Where the chart puts it (tests/cluster/operator.sh).
PORT = ("10.96.94.80", 9480)
BODY_MAX = 4 << 20
STATUSES = {200: "taken", 503: "sent away to try again"}


def alert(name, namespace, now):
    labels = {"alertname": name, "namespace": namespace, "instance": "x" * 60}
    return {"status": "firing", "labels": labels, "startsAt": now}


def notification(names, namespace):
    """A notification of Alertmanager."""
    now = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"version": "4", "alerts": [alert(name, namespace, now) for name in names]}, separators=(",", ":"))


def token():
    """The one that Alertmanager shows."""
    with open(f"{os.environ['STATE']}/mon/token", encoding="utf-8") as file:
        return file.read().strip()


def notify(body):
    """What the port answers to who has the token; 0 where it does not."""
    headers = {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(*PORT, timeout=30)
    try:
        # The answer may be there before all of the body is sent.
        with contextlib.suppress(BrokenPipeError):
            connection.request("POST", "/v1/alertmanager", body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def beside_alertmanager(attack):
    """What a stranger tells of his attack, from a node's network and so by another address than Alertmanager's, which
    notifies meanwhile; and how that went."""
    node = os.environ["NODES"].split()[-1]
    command = ["nsenter", f"--net=/run/netns/{os.environ['ID']}-{node}", "python3", "tests/neighbours/stranger.py", attack, *map(str, PORT)]
    answers = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stranger:
        try:
            while stranger.poll() is None:
                began = time.time()
                answers.append((notify(notification([], QUIET)), time.time() - began))
                time.sleep(0.5)
            said = json.loads(stranger.stdout.read())
        finally:
            stranger.kill()
    good, slowest = sum(status == 200 for status, _ in answers), max(took for _, took in answers)
    must(good == len(answers), f"Alertmanager was answered {good} of {len(answers)} times meanwhile")
    return said, f"Alertmanager was answered {good} of {good} times meanwhile, after {slowest:.2f} s at most"


def bodies(_here):
    """Five times 300 requests at once with bodies of 4 MB and no token."""
    said, meanwhile = beside_alertmanager("bodies")
    answers = said["answers"]
    must(not set(answers) - {"401", "503"}, f"no token, and yet the answers are {answers}")
    must(said["open"] == 0, f"{said['open']} of {said['made']} are still open")
    must(answers.get("401"), f"none was told that it needs a token: {said}")
    return f"of {said['made']} requests {told(said)}; {meanwhile}"


def connections(_here):
    """5,000 half heads, 200 bodies that never end, 3,000 silent connections at once."""
    said, meanwhile = beside_alertmanager("connections")
    must(said["open"] == 0, f"{said['open']} of {said['made']} are still open after {said['seconds']:.0f} s")
    must("200" not in said["answers"], f"no token, and yet the answers are {said['answers']}")
    return f"of {said['made']} connections {told(said)}, the last one after {said['seconds']:.0f} s; {meanwhile}"


def told(said):
    answers = [f"{count} were answered {code}" for code, count in sorted(said["answers"].items())]
    return ", ".join([*answers, f"{said['closed']} closed"])


def notifications(here):
    """50 notifications of 20,000 alerts each, all of which concern two runs, with the token."""
    detection = {"alerts": ['{alertname=~"Flood.*"}']}
    watches = {"steadyFor": "0s", "abortOn": ['{alertname="Bad"}']}
    runs = [run("goes-on", experiment(detection=detection, guards=watches, recovery={"stableFor": "2m", "within": "5m"})),
            run("waits", waits(detection=detection))]
    created(here, "experimentruns", runs)
    fact(here.namespace, "goes-on", "injected")
    fact(here.namespace, "waits", "accepted")
    flood = notification([f"Flood{number}" for number in range(20_000)], here.namespace)
    must(len(flood) <= BODY_MAX, f"the notification has {len(flood)} bytes, and would be refused by its length")
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: notify(flood), range(50)))
    must(not set(answers) - set(STATUSES), f"the answers are {sorted(answers)}")
    must(200 in answers, "none was taken")
    ended = json.dumps(finished(here.namespace, "goes-on"))
    must("more than 512 alerts concern this run" in ended, f"the run is not told that alerts were overlooked: {ended[-400:]}")
    must(notify(notification(["One"], QUIET)) == 200, "a small one is not taken afterwards")
    counts = ", ".join(f"{answers.count(status)} {words}" for status, words in STATUSES.items())
    return f"{counts}; the run that an alert may end is told that alerts were overlooked"
