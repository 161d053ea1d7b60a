"""Days that run: on the demo shop three faults in order with a debrief, one that is aborted, and one that the lever ends."""
import json

from cluster import apply, eventually, firedrill, get, items, kubectl, must, name_of, over, plan, seconds, status
from grounds import EXPERIMENT, shop_experiments, stand

PLAN, SHOP = "tour", "shop"
DUE = {"pods": "Passed", "release": "Passed", "outage": "ObjectiveMissed"}
STEPS = [{"name": "pods", "experiment": EXPERIMENT}, {"name": "release", "experiment": "checkout-is-noticed", "gap": "5s"},
         {"name": "outage", "experiment": "storefront-alert-is-late", "gap": "5s"}]
TWO = [{"name": "one", "experiment": EXPERIMENT}, {"name": "two", "experiment": EXPERIMENT, "gap": "0s"}]
ABORTED, LEVERED = "gameday-aborted", "gameday-lever-within-a-day"


def prepare():
    said, code = firedrill("enable", SHOP, "--scheduled", "--yes")
    must(code == 0, said)
    for kind in ("gamedays", "gamedayruns", "experimentruns"):
        kubectl("-n", SHOP, "delete", kind, "--all", "--timeout=60s")
    shop_experiments()
    stand(ABORTED, LEVERED)


def plans(schedule):
    # One of its rules waits for longer than its objective allows, which is what the third step shows.
    asks = {"alertsExist": False}
    apply(plan(SHOP, PLAN, STEPS, schedule=schedule, notes="A tour of the shop.", goNoGo=asks),
          *[plan(namespace, PLAN, TWO, schedule=schedule) for namespace in (ABORTED, LEVERED)])


def injected(namespace, name):
    """Waits until that run has broken something."""
    def is_injected():
        facts = status(get(namespace, "experimentruns", name)).get("facts", [])
        return any(fact["name"] == "injected" for fact in facts)
    eventually(f"run {name} to break something", 180, is_injected)


def ended_early(namespace, at, audit, end, reason, words):
    """Ends a day once its first step has broken something, and shows that the second one never begins."""
    name = name_of(PLAN, at)
    injected(namespace, f"{name}-one")
    end()
    found = status(over(namespace, name, 240))
    must((found["outcome"], found["reason"]) == ("Halted", reason), f"{found['outcome']} by {found['reason']}: {found['summary']}")
    must(words in found["summary"], found["summary"])
    run = status(get(namespace, "experimentruns", f"{name}-one"))
    must(run["verdict"] == "Aborted", f"the first step's run is {run['verdict']}")
    created = list(audit.created(namespace, "experimentruns"))
    must(created == [f"{name}-one"], f"created were {created}")
    struck = len(audit.evictions(namespace))
    must(struck == 2, f"{struck} pods were evicted")
    return f"{found['summary']} (runs created: 1, pods evicted: {struck})"


def abort(at, audit):
    def end():
        said, code = firedrill("-n", ABORTED, "gameday", "abort", name_of(PLAN, at), "--reason", "it hurts")
        must(code == 0, said)
    return ended_early(ABORTED, at, audit, end, "Stopped", "somebody stopped it: it hurts")


def tour(at, audit):
    """The day on the shop, judged by what its runs said and by the audit log."""
    name = name_of(PLAN, at)
    found = status(over(SHOP, name, 600))
    must((found["outcome"], found["reason"]) == ("Done", "StepsOver"), f"{found['outcome']} by {found['reason']}: {found['summary']}")
    runs = {run["metadata"]["name"].removeprefix(f"{name}-"): run for run in items(SHOP, "experimentruns")}
    verdicts = {step: status(run)["verdict"] for step, run in runs.items()}
    must(verdicts == DUE, f"verdicts are {verdicts}, due are {DUE}")
    created = audit.created(SHOP, "experimentruns")
    must(all(len(times) == 1 for times in created.values()), f"created were {created}")
    must(sorted(created, key=created.get) == [f"{name}-{step}" for step in DUE], f"created were {created}")
    facts = [{fact["name"]: seconds(fact["at"]) for fact in status(runs[step])["facts"]} for step in DUE]
    must(all(one["completed"] <= next_["injected"] for one, next_ in zip(facts, facts[1:])), f"they overlap: {facts}")
    debriefs = [debrief["metadata"]["name"] for debrief in items(SHOP, "debriefs")]
    must(status(runs["outage"]).get("debrief") in debriefs, f"the debrief of the outage is not among {debriefs}")
    late = created[f"{name}-pods"][0] - at
    return runs, f"{found['summary']} (first run created {late:.1f} s after its time)"


def report(at, runs):
    """Deletes the runs, prints the report, and holds it against what the runs said."""
    name = name_of(PLAN, at)
    kubectl("-n", SHOP, "delete", "experimentruns", "--all", "--timeout=60s")
    must(not items(SHOP, "experimentruns"), "runs are still there")
    page, code = firedrill("-n", SHOP, "gameday", "report", name)
    must(code == 0, page)
    print(f"\nThe report, after its runs were deleted: firedrill gameday report {name} -n {SHOP}\n\n{page}", flush=True)
    said, _ = firedrill("-n", SHOP, "gameday", "report", name, "-o", "json")
    steps = {step["name"]: step for step in json.loads(said)["status"]["steps"]}
    must(list(steps) == list(DUE), f"it has the steps {list(steps)}")
    compared = 0
    for step, run in runs.items():
        known = status(run)
        for field in ("verdict", "summary", "debrief"):
            must(steps[step].get(field) == known.get(field), f"{step}: {field} was {known.get(field)!r} and is {steps[step].get(field)!r}")
            compared += 1
        for field, parts in (("detection", ("answer", "tier", "took")), ("recovery", ("answer", "tier", "took", "by"))):
            for part in parts:
                was, is_ = known.get(field, {}).get(part), steps[step].get(field, {}).get(part)
                must(was == is_, f"{step}: {field}.{part} was {was!r} and is {is_!r}")
                compared += 1
        for words in (known["verdict"], step):
            must(words in page, f"{words!r} is not on the page")
    return f"{compared} values of {len(runs)} deleted runs are in the report as the runs had them"
