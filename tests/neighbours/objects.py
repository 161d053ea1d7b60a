"""Attacks by what stands in objects of firedrill's own: large texts, many notes, lengths of time that nobody can hold."""
import functools
import time

from cluster import Api, at, eventually, get, kubectl, must
from ground import LARGE, MALLORY, apply, changed, created, deployment, experiment, experiment_object, finished, refusals, run, waiting, waits
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
    return f"an operator that starts beside them begins a run of another tenant's after {here.restarted():.1f} s"


def waiting_runs(here):
    """200 waiting runs with as many annotations as there may be; an operator that starts then, the reaper, and the end of
    all of them at once."""
    waiting(here, 200, annotations=LARGE)
    after, said = here.restarted(), ended_in_time()
    began, path = time.time(), at("experimentruns", here.namespace)
    Api().ask("DELETE", path)
    eventually("the end of all runs", 120, lambda: not Api().ask("GET", f"{path}?limit=1")["items"])
    return (f"an operator that starts beside them begins a run of another tenant's after {after:.1f} s; {said}; all are deleted "
            f"{time.time() - began:.0f} s after somebody deletes them at once")


def large_target(here):
    """A target of 100 pods with as many annotations as there may be, which run nowhere, and twenty runs that look at it."""
    pods = deployment("large", replicas=100)
    pods["spec"]["template"]["metadata"]["annotations"] = LARGE
    pods["spec"]["template"]["spec"]["nodeSelector"] = {"nowhere": "true"}
    apply(here.namespace, pods)
    count = ("-n", here.namespace, "get", "deployment", "large", "-o", "jsonpath={.status.replicas}")
    eventually("100 pods", 120, lambda: kubectl(*count) == "100")
    names = [f"large{number}" for number in range(20)]
    created(here, "experimentruns", [run(name, experiment("large"), dryRun=True) for name in names])
    ended = [finished(here.namespace, name) for name in names]
    return f"20 dry runs: {ended[0]['summary']}"


def foreign_fields(here):
    """Objects whose `managedFields` name an instant that most clients cannot read, or are of 1.1 MB, which as values take
    sixty times as much. All runs of the cluster are heard by one watch, and all Experiments by another."""
    deep = functools.reduce(lambda below, _: {"f:a": below}, range(60), {})
    large = {"f:metadata": {"f:annotations": {f"f:k{number}": deep for number in range(2000)}}}
    for name, written in {"instant": claim({"f:spec": {"f:owner": {}}}, "9999-12-31T23:59:59Z"), "large": claim(large)}.items():
        created(here, "experiments", [experiment_object(name, waits())])
        created(here, "experimentruns", [run(name, waits())])
        for kind in ("experiments", "experimentruns"):
            claimed(here.namespace, kind, name, written)
    after, again = here.other_run().after, here.restarted()
    for name in ("instant", "large"):
        Api().ask("DELETE", at("experimentruns", here.namespace, name))
    eventually("the end of the runs", 30, lambda: not Api().ask("GET", at("experimentruns", here.namespace))["items"])
    return f"another tenant's run begins after {after:.1f} s, and beside an operator that starts then after {again:.1f} s; mallory's can be deleted"


def claim(fields, when="2026-01-01T00:00:00Z"):
    """What an object says of who wrote these fields of it."""
    return {"manager": "m", "operation": "Update", "apiVersion": "firedrill.dev/v1alpha1", "time": when, "fieldsType": "FieldsV1", "fieldsV1": fields}


def claimed(namespace, kind, name, written):
    """Mallory writes that into an object, beside what the operator writes into it."""
    there = changed(at(kind, namespace, name), lambda found: found["metadata"]["managedFields"].append(written), MALLORY)
    there = there["metadata"]["managedFields"]
    must(any(one["manager"] == "m" and one["time"] == written["time"] for one in there), "the API server has mended managedFields")


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
