"""Twenty plans due in one second, in ten namespaces, with the same two names in each."""
import json
import statistics
import time

from cluster import apply, eventually, is_over, items, kubectl, must, name_of, namespace, plan, seconds, side_by_side, stamp, status
from grounds import QUIET, deployment, expect

NAMESPACES = [f"gameday-many-{number}" for number in range(10)]
NAMES = ["left", "right"]
LIMIT = 240


def prepare():
    expect()
    side_by_side(stand, NAMESPACES)


def stand(name):
    namespace(name)
    web = deployment("web", "registry.local/pause:3.10")
    experiment = {
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": "lose-it"},
        "spec": {"hypothesis": "It comes back.", "owner": "many", "target": {"deployment": "web"}, "fault": {"podKill": {"count": 1}},
                 "duration": "1m", "steadyState": [{"name": "whole", "workload": {}}],
                 "detection": {"within": "1m", "alerts": [f'{{alertname="{QUIET["alert"]}"}}']},
                 "recovery": {"within": "1m", "stableFor": "1s"}, "guards": {"minReady": 0, "steadyFor": "1s"}}}
    for one in (web, experiment):
        one["metadata"]["namespace"] = name
    apply(web, experiment)
    kubectl("-n", name, "rollout", "status", "deployment/web", "--timeout=180s")


def run(audit):
    """Fires them, and judges by the audit log and by the days: each once, and of one namespace never two at a time."""
    at = int(time.time()) + 25
    apply(*[plan(namespace, name, [{"name": "one", "experiment": "lose-it"}], startAt=stamp(at), startingDeadline="5m") for namespace in NAMESPACES for name in NAMES])
    must(time.time() < at - 2, "the plans were not there before their time")
    due = {name_of(name, at) for name in NAMES}

    def ended():
        days = [day for namespace in NAMESPACES for day in items(namespace, "gamedayruns")]
        return days if len(days) == len(NAMESPACES) * len(NAMES) and all(map(is_over, days)) else None
    days = eventually("twenty days to be over", LIMIT, ended)
    created, first_go, outcomes, runs = [], {}, {}, 0
    for namespace in NAMESPACES:
        made = audit.created(namespace, "gamedayruns")
        must(set(made) == due and all(len(times) == 1 for times in made.values()), f"{namespace}: days were created at {made}")
        created += [times[0] - at for times in made.values()]
        began = audit.created(namespace, "experimentruns")
        must(all(len(times) == 1 for times in began.values()), f"{namespace}: runs were created at {began}")
        runs += len(began)
        spans = []
        for one in items(namespace, "experimentruns"):
            facts = {fact["name"]: seconds(fact["at"]) for fact in status(one)["facts"]}
            must("injected" in facts, f"{namespace}: {one['metadata']['name']} broke nothing: {status(one).get('summary')}")
            spans.append((facts["injected"], facts["completed"]))
        spans.sort()
        must(all(first[1] <= second[0] for first, second in zip(spans, spans[1:])), f"{namespace}: two days at a time: {spans}")
        must(len(audit.evictions(namespace)) == len(began), f"{namespace}: {len(audit.evictions(namespace))} evictions of {len(began)} runs")
    for day in days:
        outcome = f"{status(day)['outcome']} ({status(day)['reason']})"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        for fact in status(day)["facts"]:
            if fact["name"] == "go":
                late, namespace = seconds(fact["at"]) - at, day["metadata"]["namespace"]
                first_go[namespace] = min(late, first_go.get(namespace, late))
    must(set(outcomes) <= {"Done (StepsOver)", "Halted (NoOtherRun)"}, f"they ended {json.dumps(outcomes)}")
    must(all(any(status(day)["outcome"] == "Done" for day in days if day["metadata"]["namespace"] == namespace) for namespace in NAMESPACES), "a namespace had no day")
    first = list(first_go.values())
    return {
        "plans": len(days), "namespaces": len(NAMESPACES), "runs": runs, "outcomes": outcomes,
        "created_late_s": {"median": statistics.median(created), "max": max(created)},
        "first_go_late_s": {"median": statistics.median(first), "max": max(first)},
    }


def words(found):
    made, go = found["created_late_s"], found["first_go_late_s"]
    ended = ", ".join(f"{count} {outcome}" for outcome, count in sorted(found["outcomes"].items()))
    return (f"{found['plans']} plans due in one second, {found['namespaces']} namespaces, each name in all of them: {found['plans']} days and {found['runs']} runs "
            f"created once each, {ended}; days created {made['median']:.2f} s late in the median and {made['max']:.2f} s at most, "
            f"the first go of each namespace {go['median']:.2f} s and {go['max']:.2f} s")
