"""Attacks by what stands in objects of firedrill's own: large texts, many notes, lengths of time that nobody can hold."""
import time

from cluster import Api, at, eventually, get, must
from ground import LARGE, apply, broken_after, created, deployment, experiment, experiment_object, finished, refusals, run, waiting
from marks import ended_in_time

# Twenty matchers in 281 characters; compiled, each takes 11 KiB where classes are of ASCII, and 350 where they are not.
GREEDY = "{" + ",".join([r'a=~"\\w{200}"'] * 20) + "}"
# Of these the last one is longer than the API server itself can hold.
ENDLESS = ("277778h", "999999h999999h", "999999h999999h999999h")


def expressions(here):
    """32 texts of alerts, as many as there may be, in an Experiment and in a run."""
    spec = experiment(detection={"alerts": [GREEDY] * 16}, guards={"steadyFor": "0s", "abortOn": [GREEDY] * 16})
    created(here, "experiments", [experiment_object("greedy", spec)])
    ready = eventually("Ready of the Experiment", 30, lambda: condition(here.namespace, "greedy", "Ready"))
    must(ready["status"] == "False" and "spec.detection.alerts[0]: " in ready["message"], f"Ready: {ready['message'][:200]}")
    created(here, "experimentruns", [run("greedy", spec)])
    ended = finished(here.namespace, "greedy", 30)
    must(ended["reason"] == "InvalidSpec", f"the run ends by {ended['reason']}: {ended['summary'][:200]}")
    return ready["message"].split(":", 1)[1].split(";")[0].strip()


def condition(namespace, name, kind):
    conditions = get("experiments", namespace, name).get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), None)


def experiments(here):
    """300 Experiments with as many annotations as there may be, and an operator that starts then."""
    created(here, "experiments", [experiment_object(f"e{number}", experiment(), LARGE) for number in range(300)])
    eventually("Ready of the last Experiment", 60, lambda: condition(here.namespace, "e299", "Ready"))
    here.operator.replace()
    return f"an operator that starts beside them begins a run of another tenant's after {broken_after():.1f} s"


def waiting_runs(here):
    """200 waiting runs with as many annotations as there may be; an operator that starts then, the reaper, and the end of
    all of them at once."""
    waiting(here, 200, annotations=LARGE)
    here.operator.replace()
    after, said = broken_after(), ended_in_time()
    began, path = time.time(), at("experimentruns", here.namespace)
    Api().ask("DELETE", path)
    eventually("the end of all runs", 120, lambda: not Api().ask("GET", f"{path}?limit=1")["items"])
    return (f"an operator that starts beside them begins a run of another tenant's after {after:.1f} s; {said}; all are deleted "
            f"{time.time() - began:.0f} s after somebody deletes them at once")


def large_target(here):
    """A target of 200 pods with as many annotations as there may be, which run nowhere, and three runs that look at it."""
    pods = deployment("large", replicas=200)
    pods["spec"]["template"]["metadata"]["annotations"] = LARGE
    pods["spec"]["template"]["spec"]["nodeSelector"] = {"nowhere": "true"}
    apply(here.namespace, pods)
    count = f"/api/v1/namespaces/{here.namespace}/pods?labelSelector=app%3Dlarge&limit=1"
    eventually("200 pods", 120, lambda: Api().ask("GET", count)["metadata"].get("remainingItemCount") == 199)
    names = [f"large{number}" for number in range(3)]
    created(here, "experimentruns", [run(name, experiment("large"), startWithin="10s") for name in names])
    ended = [finished(here.namespace, name) for name in names]
    must(all("0 of 200" in one["summary"] for one in ended), f"a run ends by {ended[0]['summary']}")
    return f"{ended[0]['verdict']}: {ended[0]['summary']}"


def unreadable(here):
    """A run that the API server takes and no client can read: an instant of its `managedFields` has no place on the
    calendar of most of them. All runs of the cluster are heard by one watch."""
    body = run("unreadable", waits())
    fields = {"f:spec": {"f:experiment": {}}}
    body["metadata"]["managedFields"] = [{
        "manager": "m", "operation": "Update", "apiVersion": body["apiVersion"], "time": "9999-12-31T23:59:59Z",
        "fieldsType": "FieldsV1", "fieldsV1": fields}]
    created(here, "experimentruns", [body])
    there = get("experimentruns", here.namespace, "unreadable")["metadata"]["managedFields"]
    must(any(one["time"].startswith("9999") for one in there), f"the API server has mended managedFields: {there}")
    after = broken_after()
    here.operator.replace()
    again = broken_after()
    ended = finished(here.namespace, "unreadable")
    Api().ask("DELETE", at("experimentruns", here.namespace, "unreadable"))
    eventually("the end of the run", 30, lambda: not Api().ask("GET", at("experimentruns", here.namespace))["items"])
    return (f"another tenant's run begins after {after:.1f} s, and beside an operator that starts then after {again:.1f} s; "
            f"{ended['verdict']}: {ended['summary']}")


def durations(here):
    """Lengths of time that the API server can read and Rust cannot, or that nobody can, in each field that has one."""
    refused = 0
    for text in ENDLESS:
        for field, spec in lasting(text).items():
            refused += is_refused(here, "experiments", experiment_object("endless", spec), f"spec.{field}", text)
            refused += is_refused(here, "experimentruns", run("endless", spec), f"spec.template.{field}", text)
        refused += is_refused(here, "experimentruns", run("endless", experiment(), startWithin=text), "spec.startWithin", text)
    return f"{refused} of {refused} refused by the API server, each with its place"


def is_refused(here, kind, body, field, text):
    """The place is the field, or for what the API server cannot read either what the field is in."""
    words = refusals(here, kind, [body])
    must(words, f"the API server takes {field}: {text}")
    must(field.rsplit(".", 1)[0] in words[0], f"{field}: {text} is refused without its place: {words[0]}")
    return True


def lasting(text):
    """By field, specs that are valid but for this length of time."""
    def kill(**change):
        return experiment(fault={"podKill": {"count": 1, **change}})

    def probed(kind, **change):
        return experiment(steadyState=[{"name": "answers", kind: {"service": "web", "port": 80, **change}}])
    alerts = {"alerts": ['{alertname="None"}']}
    return {
        "duration": experiment(duration=text),
        "fault.podKill.gracePeriod": kill(gracePeriod=text),
        "fault.podKill.every": kill(every=text),
        "detection.within": experiment(detection={**alerts, "within": text}),
        "recovery.within": experiment(recovery={"within": text}),
        "recovery.stableFor": experiment(recovery={"stableFor": text}),
        "guards.steadyFor": experiment(guards={"steadyFor": text}),
        "guards.abortWhenProbeFailsFor": experiment(guards={"abortWhenProbeFailsFor": text}),
        "steadyState[0].tcp.interval": probed("tcp", interval=text),
        "steadyState[0].http.timeout": probed("http", timeout=text),
    }
