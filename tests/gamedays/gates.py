"""Every gate, closed by itself: what closes it, and in which words the day says no."""
import dataclasses
import json
import subprocess
import time
from collections.abc import Callable

from cluster import Untrue, apply, day, eventually, get, kubectl, must, name_of, next_minute, over, plan, seconds, side_by_side, status
from grounds import EXPERIMENT, deployment, expect, hold, stand

PLAN = "drill"
STEPS = [{"name": "pods", "experiment": EXPERIMENT}]


@dataclasses.dataclass(frozen=True)
class Gate:
    """One row. `before` closes the gate before the day fires; `waiting` while the day waits for another run of its
    namespace: closed any sooner, it would keep the schedule from creating a day at all."""
    name: str
    how: str
    words: str
    before: Callable[[str], None] = lambda namespace: None
    waiting: Callable[[str], None] | None = None
    # What cannot but be closed with it.
    also: frozenset = frozenset()
    # What its plan asks for beyond what every plan does.
    asks: dict = dataclasses.field(default_factory=dict)

    @property
    def namespace(self):
        return f"gameday-{self.name}-{self.how}".lower().replace(" ", "-")[:60].strip("-")


def patch(kind, name, change):
    return lambda namespace: kubectl("-n", namespace, "patch", kind, name, "--type=merge", "-p", json.dumps(change))


def delete(kind, name):
    return lambda namespace: kubectl("-n", namespace, "delete", kind, name)


def lever(*namespaces):
    """Engages the lever in these namespaces and in no other."""
    apply({"apiVersion": "firedrill.dev/v1alpha1", "kind": "SafetyLever", "metadata": {"name": "cluster"},
           "spec": {"engaged": True, "reason": "an incident", "scope": {"namespaces": list(namespaces)}}})


def fire(namespace):
    """An alert that fires, as bad as any."""
    expect({"alert": "GameDayFire", "expr": "vector(1)", "labels": {"severity": "critical", "namespace": namespace}})


def roll_out(namespace):
    """A rollout that never ends, of a workload that no step breaks."""
    apply({**deployment("other", "firedrill.invalid/none"), "metadata": {"name": "other", "namespace": namespace}})


SUSPEND, UNBIND = patch("gameday", PLAN, {"spec": {"suspend": True}}), delete("rolebinding", "firedrill-starter")
WAITS = frozenset({"NoOtherRun"})
# Without an answer of the API server to the starter nobody knows its clock either.
UNASKED = frozenset({"Clock"})
# What a plan asks for is not known once it is gone.
BY_PLAN = frozenset({"Approval", "ErrorBudget", "NoFiring", "PassedBefore"})
GATES = [
    Gate("Plan", "suspended once the day is there", f"GameDay {PLAN} is suspended; set spec.suspend to false", waiting=SUSPEND, also=WAITS),
    Gate("Plan", "deleted once the day is there", f"there is no GameDay {PLAN} in this namespace", waiting=delete("gameday", PLAN), also=WAITS | UNASKED | BY_PLAN),
    Gate("Lever", "engaged before the fire", "firedrill resume releases it", before=lever),
    Gate("Experiments", "deleted before the fire", f"there is no Experiment {EXPERIMENT} in this namespace", before=delete("experiment", EXPERIMENT), also=frozenset({"AlertsExist"})),
    Gate("Starter", "binding removed once the day is there", "--scheduled", waiting=UNBIND, also=WAITS | UNASKED),
    Gate("AlertsExist", "an alert without a rule is expected", "GameDayUnheard",
         before=patch("experiment", EXPERIMENT, {"spec": {"detection": {"alerts": ['{alertname="GameDayUnheard"}']}}})),
    Gate("Rehearsal", "a guard refuses the experiment", "a dry run is refused by",
         before=patch("experiment", EXPERIMENT, {"spec": {"guards": {"minReady": 2}}})),
    Gate("ErrorBudget", "less is left than is asked for", "10.0 % of the error budget are left, and errorBudgetAbove is 20 %", asks={"errorBudgetAbove": 20}),
    Gate("PassedBefore", "nothing passed in the namespace before", f"firedrill run {EXPERIMENT} -n default", asks={"passedBefore": {}}),
    Gate("Approval", "nobody approved until the deadline", "firedrill gameday approve", asks={"approvals": 1}),
    Gate("NoFiring", "a critical alert past the deadline", "GameDayFire", before=fire),
    Gate("NoRollout", "a rollout past the deadline", "Deployment other", before=roll_out),
    Gate("NoOtherRun", "a run is live past the deadline", "1 other run under way in this namespace: held", before=hold),
]


# Where experiments must have passed before.
PREDECESSORS = {gate.namespace: "default" for gate in GATES if gate.name == "PassedBefore"}


@dataclasses.dataclass(frozen=True)
class NoDay:
    """A time for which no day is created at all, and what its plan says of it."""
    how: str
    close: Callable[[str], None]
    is_told: Callable[[dict, float], bool]
    name: str = "(no day)"

    @property
    def namespace(self):
        return f"gameday-{self.how}".replace(" ", "-")


def missed(reason):
    return lambda told, at: "missed" in told and (seconds(told["missed"]["at"]), told["missed"]["reason"]) == (at, reason)


def refused(told, _at):
    return any(one["type"] == "Ready" and one["reason"] == "Refused" and "--scheduled" in one["message"] for one in told.get("conditions", []))


NO_DAYS = [
    NoDay("suspended before the fire", SUSPEND, missed("Suspended")),
    NoDay("binding removed before the fire", UNBIND, refused),
]


def told(gate, holds, said):
    return {"gate": gate.name, "closed": gate.how, "held": holds, "said": said}


def judged(gate, look):
    """A row, of which `look` gives the words, or says what is untrue."""
    try:
        return told(gate, True, look())
    except (Untrue, RuntimeError) as error:
        return told(gate, False, str(error))


def closed(found):
    """The gates that are, but for a rehearsal that is only under way."""
    under_way = ("its rehearsal has not begun", "its rehearsal is not over")
    return {gate["name"] for gate in status(found).get("gates", []) if not gate["passed"] and not gate["detail"].startswith(under_way)}


def no_go(gate, namespace, name, audit):
    """What the day says once it is over, where that is what it must say."""
    found = over(namespace, name, 360)
    end, summary = (status(found).get("outcome"), status(found).get("reason")), status(found).get("summary", "")
    must(end == ("NoGo", gate.name), f"{end[0]} by {end[1]}: {summary}")
    must(gate.words in summary, summary)
    others = closed(found) - {gate.name} - gate.also
    must(not others, f"closed as well: {', '.join(sorted(others))}")
    nothing_happened(namespace, audit)
    return summary


def nothing_happened(namespace, audit):
    runs = set(audit.created(namespace, "experimentruns")) - {"held"}
    must(not runs, f"runs were created all the same: {runs}")
    must(not audit.evictions(namespace), "pods were evicted all the same")


def no_day(row, at, audit):
    """What the plan says of a time for which there is no day."""
    found = eventually(f"the plan in {row.namespace} to say so", 60,
                       lambda: (lambda told: told if row.is_told(told, at) else None)(status(get(row.namespace, "gamedays", PLAN))))
    must(not audit.created(row.namespace, "gamedayruns"), "a day was created all the same")
    nothing_happened(row.namespace, audit)
    if found.get("missed"):
        return f"missed: {found['missed']['reason']} at {found['missed']['at']}"
    return next(f"Ready: {one['status']} {one['reason']}: {one['message']}" for one in found["conditions"] if one["type"] == "Ready")


class Fired:
    """All gates at the same minute, each in a namespace of its own."""

    def __init__(self, audit):
        self.audit = audit
        self.namespaces = [row.namespace for row in [*GATES, *NO_DAYS]]

    def prepare(self):
        stand(*self.namespaces)
        side_by_side(hold, [gate.namespace for gate in GATES if gate.waiting])

    def plan(self, at, schedule):
        """Makes the plans, and closes what is to be closed before they fire."""
        self.at, self.name = at, name_of(PLAN, at)
        side_by_side(lambda row: self.close(row, schedule), [*GATES, *NO_DAYS])
        must(time.time() < at - 1, "the gates were not closed before the fire")

    @staticmethod
    def close(row, schedule):
        is_gate = isinstance(row, Gate)
        # What is closed while the day waits must not come too late, and a rehearsal must be over before the deadline.
        deadline = "5m" if is_gate and row.waiting else "2m"
        apply(plan(row.namespace, PLAN, STEPS, schedule=schedule, startingDeadline=deadline, goNoGo=row.asks if is_gate else {}))
        seen(row)
        (row.before if is_gate else row.close)(row.namespace)

    def looks(self):
        """For each row what gives it."""
        return [lambda row=row: judged(row, lambda: self.follow(row)) for row in [*GATES, *NO_DAYS]]

    def follow(self, row):
        time.sleep(max(0, self.at - time.time()))
        if isinstance(row, NoDay):
            return no_day(row, self.at, self.audit)
        if row.waiting:
            eventually(f"the day in {row.namespace} to wait", 120, lambda: "NoOtherRun" in closed(day(row.namespace, self.name)))
            row.waiting(row.namespace)
        return no_go(row, row.namespace, self.name, self.audit)


def seen(row):
    eventually(f"the plan in {row.namespace} to be seen", 30, lambda: status(get(row.namespace, "gamedays", PLAN)).get("since"))


# Without Prometheus each gate that asks it is closed until the deadline, where its plan asks for no other.
DOWN = [
    Gate("AlertsExist", "Prometheus is down", "prometheus", asks={"noFiring": []}),
    Gate("NoFiring", "Prometheus is down", "prometheus", asks={"alertsExist": False}),
    Gate("ErrorBudget", "Prometheus is down", "prometheus", asks={"alertsExist": False, "noFiring": [], "errorBudgetAbove": 0}),
]


def without_source(audit):
    """The gates that ask Prometheus, while it is down."""
    stand(*[gate.namespace for gate in DOWN])
    at, schedule = next_minute(20)
    for gate in DOWN:
        apply(plan(gate.namespace, PLAN, STEPS, schedule=schedule, startingDeadline="1m", goNoGo=gate.asks))
        seen(gate)
    monitoring("stop")
    try:
        return side_by_side(lambda gate: judged(gate, lambda: no_go(gate, gate.namespace, name_of(PLAN, at), audit)), DOWN)
    finally:
        monitoring("start")


def monitoring(action):
    subprocess.run(["tests/cluster/monitoring.sh", action, "prometheus"], check=True, stdout=subprocess.DEVNULL)


def absent(operators, audit):
    """Nobody is there while a day waits to begin, and while a time and its deadline pass."""
    late = Gate("OnTime", "nobody looked until the deadline of a day by hand", "startingDeadline is 1m")
    none = NoDay("nobody looked until the deadline", lambda namespace: None, missed("DeadlinePassed"))
    stand(none.namespace, late.namespace)
    at, schedule = next_minute(6)
    apply(plan(none.namespace, PLAN, STEPS, schedule=schedule, startingDeadline="1m"),
          plan(late.namespace, PLAN, STEPS, startAt="2999-01-01T10:00:00Z", startingDeadline="1m"))
    for row in (none, late):
        seen(row)
    with operators.away():
        made = {"apiVersion": "firedrill.dev/v1alpha1", "kind": "GameDayRun", "metadata": {"name": "by-hand", "namespace": late.namespace},
                "spec": {"gameDay": PLAN}}
        kubectl("create", "-f", "-", body=json.dumps(made))
        time.sleep(max(at + 62 - time.time(), 62))
    return [judged(late, lambda: no_go(late, late.namespace, "by-hand", audit)), judged(none, lambda: no_day(none, at, audit))]
