"""The attacks: each does what it does and says in a line what came of it, or raises `Held` where that must not be."""
import concurrent.futures
import glob
import json
import os
import subprocess
import time

from ground import (
    LARGE, MALLORY, OTHER, PORT, QUIET, SHOP, Api, Refused, alert, apply, deployment, eventually, experiment, fact, finished,
    firedrill, get, kubectl, notify, policies, run, service, status,
)


class Untrue(Exception):
    """Something came of an attack that must not come of it."""


def must(holds, what):
    if not holds:
        raise Untrue(what)


def refusals(path, bodies):
    """The words of those that the API server refuses."""
    api, words = Api(), []
    for body in bodies:
        try:
            api.create(path, body)
        except Refused as refused:
            words.append(str(refused))
    return words


def an_experiment(name, spec, annotations=None):
    metadata = {"name": name} | ({"annotations": annotations} if annotations else {})
    return {"apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment", "metadata": metadata, "spec": spec}


def expressions():
    """Texts of alerts whose regular expressions are large once they are compiled."""
    text = "{" + ",".join([r'a=~"\w{200}"'] * 20) + "}"
    words = refusals(firedrill("experiments", MALLORY), [an_experiment("large", experiment(detection={"alerts": [text] * 32}))])
    if words:
        must("spec.detection.alerts" in words[0], words[0])
        return "refused by the API server"

    def judged():
        conditions = get("experiment", MALLORY, "large").get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == "Ready"), None)
    ready = eventually("Ready of the Experiment", 30, judged)
    must(ready["status"] == "False" and "spec.detection.alerts[0]" in ready["message"], json.dumps(ready))
    return ready["message"]


def at_the_port(what, seconds):
    """Runs an attack on the port from another address than that of who has the token: from a node's network."""
    node = os.environ["NODES"].split()[-1]
    command = ["nsenter", f"--net=/run/netns/{os.environ['ID']}-{node}", "python3", "tests/neighbours/stranger.py", what, str(seconds), *map(str, PORT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stranger:
        answered = []
        while stranger.poll() is None:
            began = time.time()
            answered.append((notify([]) in (200, 204), time.time() - began))
            time.sleep(1)
        said = json.loads(stranger.stdout.read())
    must(all(ok for ok, _ in answered), f"Alertmanager was answered {sum(ok for ok, _ in answered)} of {len(answered)} times meanwhile")
    return said, f"Alertmanager answered {len(answered)} of {len(answered)} times, after {max(took for _, took in answered):.1f} s at most"


def bodies():
    """300 requests at once with bodies of 4 MB and no token."""
    said, meanwhile = at_the_port("bodies", 30)
    must(said["answers"].get("401", 0) + said["closed"] == 300, f"no token, and yet: {said}")
    return f"{said['answers'].get('401', 0)} answered 401, {said['closed']} closed; {meanwhile}"


def connections():
    """5,000 half headers, 200 bodies that never end, 3,000 silent connections."""
    said, meanwhile = at_the_port("connections", 40)
    must(said["open"] == 0, f"{said['open']} of {said['made']} are still open after 40 s")
    return f"none of {said['made']} is open after 40 s; {meanwhile}"


def notifications():
    """50 notifications of 20,000 alerts that concern a run, with the token."""
    spec = experiment(guards={"steadyFor": "10m"}, detection={"alerts": ['{alertname=~"Flood.*"}']})
    Api().create(firedrill("experimentruns", MALLORY), run("flooded", spec))
    flood = [alert(f"Flood{number}", MALLORY, pod=f"web-{number}") for number in range(20_000)]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: notify(flood), range(50)))
    must(set(answers) <= {200, 413, 503}, f"answers {sorted(set(answers))}")
    must(notify([alert("One", QUIET)]) == 200, "a small one is not taken afterwards")
    return f"{answers.count(200)} taken, {len(answers) - answers.count(200)} refused or sent away"


def experiments(operator):
    """300 Experiments with 250 kB of annotations, and an operator that starts then."""
    words = refusals(firedrill("experiments", MALLORY), [an_experiment(f"e{number}", experiment(), LARGE) for number in range(300)])
    must(not words, f"{len(words)} refused: {words[:1]}")
    time.sleep(5)
    operator.replace()
    return "an operator that starts beside them works"


def freed_address():
    """A Service that is probed is deleted, and its address given to another tenant's."""
    apply(MALLORY, deployment("front", image=SHOP), service("front"))
    kubectl("-n", MALLORY, "rollout", "status", "deployment/front", "--timeout=60s")
    probe = {"name": "answers", "http": {"service": "front", "port": 80, "path": "/admin?delete=all", "interval": "100ms"}}
    spec = experiment("front", steadyState=[probe], recovery={"stableFor": "1m", "within": "5m"}, tolerates=False)
    Api().create(firedrill("experimentruns", MALLORY), run("goes-on", spec))
    eventually("the injection", 60, lambda: fact(status(MALLORY, "goes-on"), "injected"))
    address = get("service", MALLORY, "front")["spec"]["clusterIP"]
    apply(OTHER, deployment("victim", 1, SHOP, {"ACCESS_LOG": "1"}))
    kubectl("-n", OTHER, "rollout", "status", "deployment/victim", "--timeout=60s")
    kubectl("-n", MALLORY, "delete", "service", "front")
    deleted = time.time()
    apply(OTHER, service("victim", address))
    time.sleep(10)
    lines = []
    for node in os.environ["NODES"].split():
        for path in glob.glob(f"{os.environ['STATE']}/{node}/pods-log/{OTHER}_victim-*/*/*.log"):
            with open(path, encoding="utf-8") as log:
                lines += [line for line in log if "/admin" in line]
    late = [line for line in lines if stamp(line) > deleted + 1]
    must(not late, f"{len(late)} requests of mallory's probe reached {OTHER}: {late[0]}" if late else "")
    return f"{len(lines)} requests in the second after, none later"


def stamp(line):
    from ground import seconds
    return seconds(line.split(" ", 1)[0][:26] + "Z")


def foreign_labels():
    """An alert of another namespace fires during a run."""
    spec = experiment(tolerates=False, recovery={"stableFor": "5s", "within": "10s"}, detection={"alerts": ['{alertname="Mine"}'], "within": "1s"})
    Api().create(firedrill("experimentruns", MALLORY), run("curious", spec))
    eventually("the injection", 60, lambda: fact(status(MALLORY, "curious"), "injected"))
    must(notify([alert("TenantBSecret", "tenb", customer="acme-corp")]) == 200, "the notification was not taken")
    finished(MALLORY, "curious")
    seen = "".join(kubectl("-n", MALLORY, "get", kind, "-o", "json", as_tenant=True) for kind in ("experimentruns", "debriefs", "events"))
    must("acme-corp" not in seen and "TenantBSecret" not in seen, "mallory reads it")
    return "nowhere in runs, debriefs and events"


def marked(name, path, annotations=None, deadline="2020-01-01T00:00:00Z"):
    """A NetworkPolicy that says that a fault is on it."""
    annotations = {"firedrill.dev/deadline": deadline, "firedrill.dev/at-x": path, "firedrill.dev/was-x": "null",
                   "firedrill.dev/set-x": "1", **(annotations or {})}
    labels = {"firedrill.dev/fault": "00000000-0000-0000-0000-000000000000.1.armed"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "labels": labels, "annotations": annotations}, "spec": {"podSelector": {"matchLabels": {"none": "such"}}}}


def overdue():
    """How long a true fault of another tenant, past its deadline, stays while the attack is on."""
    name = f"overdue-{time.time_ns()}"
    label = "firedrill.dev~1inert"
    policy = marked(name, f"/spec/podSelector/matchLabels/{label}", {"firedrill.dev/was-x": '"true"', "firedrill.dev/set-x": "null"})
    policy["spec"] = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"], "egress": [{}]}
    began = time.time()
    Api(as_tenant=False).create(policies(QUIET), policy)

    def ended():
        labels = get("networkpolicy", QUIET, name)["metadata"]["labels"]
        return labels["firedrill.dev/fault"].endswith(".revoked")
    eventually("the end of the overdue fault", 45, ended)
    return time.time() - began


def ended_in_time():
    took = overdue()
    must(took <= 15, f"another tenant's overdue fault was ended after {took:.1f} s")
    return f"another tenant's overdue fault was ended after {took:.1f} s"


def path():
    """A mark whose path has 30,000 segments."""
    words = refusals(policies(MALLORY), [marked("deep", "/a" * 30_000)])
    return "; ".join([*words, ended_in_time()])


def marks():
    """400 marked objects with 250 kB of annotations."""
    words = refusals(policies(MALLORY), [marked(f"m{number}", "/spec/nothing", LARGE, "2099-01-01T00:00:00Z") for number in range(400)])
    must(not words, f"{len(words)} refused: {words[:1]}")
    return ended_in_time()


def refused_reverts(audit):
    """1,500 marks whose revert the admission policy refuses."""
    begins = os.path.getsize(audit)
    refusals(policies(MALLORY), [marked(f"r{number}", "/spec/policyTypes") for number in range(1500)])
    said = ended_in_time()
    time.sleep(40)
    patches = tired = 0
    with open(audit, encoding="utf-8") as log:
        log.seek(begins)
        for line in log:
            if '"verb":"patch"' in line and "firedrill-reaper" in line and f'"namespace":"{MALLORY}"' in line and '"stage":"ResponseComplete"' in line:
                patches += 1
                tired += '"code":429' in line
    must(tired == 0, f"{tired} of {patches} patches were answered 429")
    must(patches <= 3_000, f"{patches} patches")
    return f"{patches} patches, none answered 429; {said}"


def other_egress():
    """Another policy closes the target's egress by a label that is not in the workload's selector."""
    web = deployment("closed")
    web["spec"]["template"]["metadata"]["labels"]["tier"] = "secure"
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "closed"},
              "spec": {"podSelector": {"matchLabels": {"tier": "secure"}}, "policyTypes": ["Egress"]}}
    apply(MALLORY, web, service("closed"), policy)
    kubectl("-n", MALLORY, "rollout", "status", "deployment/closed", "--timeout=60s")
    probe = {"name": "cut", "tcp": {"service": "closed", "port": 80}}
    fault = {"dependencyOutage": {"egress": {"cidr": "203.0.113.0/24"}, "observe": probe}}
    Api().create(firedrill("experimentruns", MALLORY), run("opens", experiment("closed", fault=fault)))
    summary = finished(MALLORY, "opens").get("summary", "")
    must("NetworkPolicy closed restricts the egress" in summary, summary)
    return summary


def probes():
    """200 waiting runs with 8 probes each, every 100 ms."""
    apply(MALLORY, service("web"))
    asked = [{"name": f"p{number}", "tcp": {"service": "web", "port": 80, "interval": "100ms"}} for number in range(8)]
    waiting = [run(f"w{number}", experiment(steadyState=asked, guards={"steadyFor": "10m"}), startWithin="10m") for number in range(200)]
    words = refusals(firedrill("experimentruns", MALLORY), waiting)
    must(not words, f"{len(words)} refused: {words[:1]}")
    apply(QUIET, deployment("shop", image=SHOP), service("shop"))
    kubectl("-n", QUIET, "rollout", "status", "deployment/shop", "--timeout=60s")
    probe = {"name": "answers", "http": {"service": "shop", "port": 80, "path": "/healthz"}}
    spec = experiment("shop", steadyState=[probe], guards={"steadyFor": "5s"}, recovery={"stableFor": "5s"})
    Api(as_tenant=False).create(firedrill("experimentruns", QUIET), run("measured", spec))
    ended = finished(QUIET, "measured", 120)
    must(ended["verdict"] != "NotRecovered" and "address" not in json.dumps(ended.get("impact", {})), f"{ended['verdict']}: {ended.get('summary')}")
    return f"another tenant's run: {ended['verdict']}, {ended.get('summary')}"


def durations():
    """Durations that the API server takes must be ones that the operator can read."""
    texts = ["277778h", "999999h999999h", "999999h999999h999999h"]
    bodies = [an_experiment(f"d{number}", experiment(fault={"podKill": {"count": 1, "gracePeriod": text}})) for number, text in enumerate(texts)]
    words = refusals(firedrill("experiments", MALLORY), bodies)
    must(len(words) == len(texts) and all("spec.fault.podKill.gracePeriod" in word for word in words), f"{len(words)} of {len(texts)} refused: {words}")
    return "refused by the API server, by field"


def waiting_runs(operator):
    """200 waiting runs with 250 kB of annotations, and an operator that starts then."""
    spec = experiment(guards={"steadyFor": "10m"})
    words = refusals(firedrill("experimentruns", MALLORY), [run(f"w{number}", spec, LARGE, startWithin="10m") for number in range(200)])
    must(not words, f"{len(words)} refused: {words[:1]}")
    time.sleep(5)
    operator.replace()
    return ended_in_time()
