"""The story of one debrief on the demo shop, by the commands that people type, with real alerts: a miss, a fix that hides it
and proves nothing, the fix, two runs that prove it, and the next miss, which names what was dropped.

usage: story.py EVIDENCE BINARY RULES     (inside the cluster's network; RULES: the file of the shop's rules that may be changed)
"""
import json
import subprocess
import sys
import time

import cluster
from cluster import Audit, Operators, Untrue, apply, eventually, get, items, kubectl, must, status

EVIDENCE, cluster.BINARY, RULES = sys.argv[1:4]
SHOP, NAME, TEAM = "shop", "payments-are-missed", "team-payments"
SPACING = "5s"  # from one pass to the next; in production a day
rows = []


def shown(what, said):
    rows.append({"what": what, "said": said})
    print(f"  {what:58} {said}", flush=True)


def experiment(fault):
    return {"apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": NAME, "namespace": SHOP}, "spec": {
        "hypothesis": "Losing payments is noticed within ten seconds.", "owner": TEAM, "target": {"deployment": "payments"},
        "fault": {"podKill": fault}, "duration": "1m",
        "steadyState": [{"name": "answers", "http": {"service": "payments", "port": 80, "interval": "200ms"}}],
        "detection": {"within": "10s", "alerts": ['{alertname="PaymentsDown"}']}, "recovery": {"within": "1m", "stableFor": "2s"},
        "guards": {"minReady": 0, "steadyFor": "2s"}}}


def waits(seconds):
    """The shop's own rule waits so long, as Prometheus says and as whoever asked within the last second has heard."""
    with open(RULES, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split("- alert: PaymentsDown", 1)
    head, tail = rest.split("    for: ", 1)
    with open(RULES, "w", encoding="utf-8") as file:
        file.write(f"{before}- alert: PaymentsDown{head}    for: {seconds}s\n{tail.split(chr(10), 1)[1]}")
    url = cluster.CONFIG["prometheus"]["url"]
    subprocess.run(["curl", "-sf", "-XPOST", f"{url}/-/reload"], check=True)

    def told():
        said = subprocess.run(["curl", "-sf", f"{url}/api/v1/rules?type=alert"], capture_output=True, text=True, check=True).stdout
        rules = [rule for group in json.loads(said)["data"]["groups"] for rule in group["rules"]]
        return any(rule["name"] == "PaymentsDown" and rule["duration"] == seconds for rule in rules)
    eventually(f"the rule to wait {seconds} s", 20, told)
    time.sleep(1.1)


def firedrill(*args, expect=0):
    said, code = cluster.firedrill("-n", SHOP, *args)
    must(code == expect, f"firedrill {' '.join(args)} ended with {code}, not {expect}: {said}")
    return said


def last():
    """The run that was created last."""
    return max(items(SHOP, "experimentruns"), key=lambda run: run["metadata"]["creationTimestamp"])


def judged(debrief, run):
    """What the debrief says of that run, once it has judged it."""
    def attempt():
        attempts = status(get(SHOP, "debriefs", debrief)).get("attempts", [])
        return next((attempt for attempt in attempts if attempt["uid"] == run["metadata"]["uid"]), None)
    return eventually(f"{debrief} to judge {run['metadata']['name']}", 30, attempt)


def at_stage(debrief, stage):
    eventually(f"{debrief} to be {stage}", 30, lambda: status(get(SHOP, "debriefs", debrief)).get("stage") == stage)


def question(debrief):
    return next(one for one in status(get(SHOP, "debriefs", debrief))["questions"] if one["objective"] == "Detection")


def prepare():
    for kind in ("experimentruns", "debriefs"):
        kubectl("-n", SHOP, "delete", kind, "--all", "--timeout=60s")
    kubectl("-n", SHOP, "set", "env", "deployment/payments", "WARM_UP=16")
    replicas(1)
    waits(20)
    apply(experiment({"count": 1}))


def replicas(count):
    kubectl("-n", SHOP, "scale", "deployment/payments", f"--replicas={count}")
    kubectl("-n", SHOP, "rollout", "status", "deployment/payments", "--timeout=120s")


def missed():
    firedrill("run", NAME, "--wait", "--yes", expect=1)
    found = status(last())
    must(found["verdict"] == "ObjectiveMissed" and found.get("debrief"), f"{found['verdict']}: {found['summary']}")
    return found["debrief"], found["summary"]


def item(debrief, title, *more):
    return firedrill("debrief", "item", "add", debrief, "--title", title, "--horizon", "Immediate", "--owner", TEAM, *more)


def story():
    audit = Audit()
    debrief, said = missed()
    shown("a run misses its objective", f"{said}; {debrief} opens")
    at_stage(debrief, "AwaitingDebrief")
    kubectl("-n", SHOP, "patch", "debrief", debrief, "--type=merge", "-p", '{"spec": {"impact": {"none": true}}}')
    firedrill("debrief", "held", debrief, "--facilitator", "on-call lead")
    item(debrief, "A second replica of payments", "--type", "Prevent", "--turns-yes", "Detection")
    item(debrief, "Payments in two zones", "--type", "Prevent")
    at_stage(debrief, "Acting")

    replicas(2)
    firedrill("debrief", "item", "done", debrief, "a1")
    firedrill("debrief", "item", "drop", debrief, "a2", "--reason", "one zone is what we pay for")
    at_stage(debrief, "Verifying")
    firedrill("debrief", "verify", debrief, "--wait", "--yes", expect=3)
    attempt = judged(debrief, last())
    must(question(debrief)["passes"] == 0, f"a run that asked nothing counts: {attempt}")
    page = firedrill("debrief", "show", debrief)
    must("--larger" in page, f"no larger fault is proposed:\n{page}")
    shown("a second replica hides the impact, and proves nothing", "; ".join(attempt.get("refused", [])) or question(debrief)["lacks"])
    proposed = firedrill("debrief", "verify", debrief, "--larger", "--output", "yaml")
    must("percent: 100" in proposed and f"verifies: {debrief}" in proposed, proposed)
    shown("what would ask is proposed", f"firedrill debrief verify {debrief} -n {SHOP} --larger")
    firedrill("debrief", "verify", debrief, "--larger", "--wait", "--yes", expect=1)
    must(status(last()).get("debrief") == debrief, "the miss of a larger fault does not join the debrief")
    shown("the larger fault misses once more", status(last())["summary"])

    item(debrief, "PaymentsDown waits two seconds, not twenty", "--type", "Detect", "--turns-yes", "Detection")
    waits(2)
    firedrill("debrief", "item", "done", debrief, "a3")
    at_stage(debrief, "Verifying")
    for passes in (1, 2):
        eventually("the time of the next pass", 60, lambda: question(debrief).get("notBefore", "") <= cluster.stamp(time.time() - 1))
        firedrill("debrief", "verify", debrief, "--larger", "--wait", "--yes")
        judged(debrief, last())
        must(question(debrief)["passes"] == passes, question(debrief))
        shown(f"pass {passes} of 2", status(last())["summary"])
    at_stage(debrief, "Closed")
    page = firedrill("debrief", "show", debrief)
    shown("it is closed", f"proven by {', '.join(question(debrief)['provenBy'])}")

    waits(20)
    apply(experiment({"percent": 100}))
    again, said = missed()
    recurs = get(SHOP, "debriefs", again)["spec"]["recurrenceOf"]
    must(recurs["name"] == debrief and any("a2 was dropped" in left for left in recurs["left"]), recurs)
    shown("the rule waits again, and the next miss opens the next debrief", f"{again}, after {recurs['name']}: {'; '.join(recurs['left'])}")

    writes = [event for event in audit.events(f'"namespace":"{SHOP}"') if event["stage"] == "ResponseComplete" and event["verb"] not in ("get", "list", "watch")
              and (event["objectRef"].get("resource"), event["objectRef"].get("subresource")) == ("debriefs", "status")]
    by = {event["user"]["username"].rsplit(":", 1)[-1] for event in writes}
    must(writes and by == {"firedrill-operator"}, f"status was written by {by}")
    shown("who wrote the status of debriefs, by the audit log", f"{len(writes)} writes, each by {', '.join(by)}")
    return page


def main():
    operators = Operators(2, debriefs={"policy": {"spacing": SPACING}})
    page, untrue = "", None
    try:
        operators.start()
        prepare()
        page = story()
    except Untrue as problem:
        untrue = str(problem)
        print(f"NOT HELD: {untrue}")
    finally:
        operators.kill()
    print(f"\n{page}")
    with open(EVIDENCE, "w", encoding="utf-8") as out:
        json.dump({"steps": rows, "page": page, "untrue": untrue, "held": untrue is None}, out, indent=1)
    print(f"the story of a debrief: {len(rows)} of 9 steps as they should be: {'held' if untrue is None else 'NOT HELD'}")
    sys.exit(0 if untrue is None else 1)


main()
