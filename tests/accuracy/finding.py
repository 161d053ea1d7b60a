"""What a run says and the truth of it, side by side. In a case instants are in seconds after its injection was received."""
from dataclasses import dataclass

import truth
from judge import EVALUATION, INTERVAL, MARGIN, PROBE, SECOND, TIMEOUT, Case, width
from scenarios import OPERATOR, REAPER


def length(text):
    """Seconds of a duration such as 1m2.5s."""
    total, number = 0.0, ""
    units = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
    while text:
        cut = next(i for i, c in enumerate(text) if not (c.isdigit() or c == "."))
        number, text = text[:cut], text[cut:]
        unit = next(u for u in ("us", "ms", "s", "m", "h") if text.startswith(u))
        total, text = total + float(number) * units[unit], text[len(unit):]
    return total


def since(bounds, start):
    """How long it is from one instant to another, each known within bounds."""
    return bounds[0] - start[1], bounds[1] - start[0]


@dataclass
class Found:
    """The truth of one run, in seconds of the epoch."""
    injected: tuple
    reverted: truth.Change | None
    impact: float
    answered: tuple
    ready: truth.Ready | None
    fired: float | None
    # By when the operator that came back had looked at the pods, and at the service where that was back by then.
    looked: float | None

    @property
    def back(self):
        """Completely back: it answers, and every pod is ready."""
        low, high = self.answered
        return (max(low, self.ready.received), max(high, self.ready.done)) if self.ready else self.answered


def find(trial):
    """The truth, with its sources held against each other."""
    events, scenario, changes = trial.events(), trial.scenario, trial.changes()
    if not scenario.kills and len(changes) != 2:
        raise RuntimeError(f"the fault was not set once and taken away once: {changes}")
    injected = truth.evicted(events) if scenario.kills else changes[0].span
    reverted = changes[1] if changes else None
    ours = trial.client()
    ready = None
    if "dependencyOutage" not in scenario.fault:
        ready = truth.readied(events, f"{scenario.target}-", reverted.received if reverted else injected[0])
    found = Found(
        injected=injected, reverted=reverted, impact=ours.impact(injected[0]), answered=ours.back(injected[0], scenario.stable),
        ready=ready,
        fired=truth.fired(scenario.alert, injected[0]), looked=None)
    probed = trial.probed(injected[0])
    if trial.absence:
        gone, looked = trial.absence
        found.looked = looked
        if found.answered[1] < looked:
            found.looked = max(looked, next(one.at for one in probed if one.at > gone))
    if scenario.kills:
        agree(trial, found, probed)
    premises(trial, found)
    trial.found = found
    return found


def agree(trial, found, probed):
    injected, ready, good = found.injected, found.ready.done, found.answered[1]
    ended, started = trial.runtime.ended(trial.victims), trial.runtime.started(trial.newcomers())
    if len(ended) != 2 or ended[0] < injected[0]:
        raise RuntimeError(f"the runtime says that the victims ended at {ended}, evicted at {injected}")
    if len(started) != 2 or started[-1] > ready:
        raise RuntimeError(f"the runtime says that the new containers started at {started}, ready at {ready}")
    # No probe is served before a new container runs, and one is as soon as our own client is; none where the run
    # was over by then.
    first = [one.at for one in probed if one.at > ended[-1]][:1]
    latest = max(good + INTERVAL + TIMEOUT, (found.looked or 0.0) + INTERVAL + TIMEOUT)
    if first and not started[0] <= first[0] <= latest:
        raise RuntimeError(f"the target served the operator first at {first}, its containers started at {started}, it served us at {good}")


def premises(trial, found):
    """Whether what the scenario is about happened."""
    name = trial.scenario.meanwhile.__name__
    if name.startswith("away"):
        gone = trial.absence[0]
        if not found.impact < gone < found.answered[0] or found.back[1] > found.looked:
            raise truth.Missed(f"the operator was away from {gone} to {found.looked}, the impact lasted from {found.impact} to {found.back}")
    if found.reverted and found.reverted.user != (REAPER if name == "away_while_reaped" else OPERATOR):
        raise RuntimeError(f"{found.reverted.user} reverted the fault")


def limits(trial, found):
    """How wide the bounds may be; judge.py says why."""
    own = width(found.injected) + MARGIN
    revert = width(found.reverted.span) + MARGIN if found.reverted else 0.0
    revert = SECOND if found.reverted and found.reverted.user == REAPER else revert
    mitigated, away = PROBE + MARGIN, 0.0
    if trial.absence:
        away = found.looked - trial.absence[0]
        missed = found.answered[1] < found.looked
        # A sample that failed by its timeout may have been sent so much earlier than ours.
        mitigated = found.looked - (found.impact - TIMEOUT) + TIMEOUT + INTERVAL + TIMEOUT + MARGIN if missed else mitigated + away
    restored = found.ready.done - found.ready.stamped + MARGIN + (away if found.looked else 0.0) if found.ready else 0.0
    recovered = max(mitigated, restored)
    return {
        "detection": EVALUATION + own, "mitigated": mitigated, "recovered": recovered, "revertStarted": revert,
        "reverted": revert, "recovery": recovered + max(revert, own)}


def counted_from(status, found):
    """A recovery that the end of the fault brought is counted from there, as every scenario with a revert asks for."""
    ended = found.reverted and status.get("recovery", {}).get("by") == "FaultEnded"
    return found.reverted.span if ended else found.injected


def case(trial, status, found):
    start = found.injected[0]
    facts = {fact["name"]: (truth.stamp(fact["notBefore"]) - start, truth.stamp(fact["at"]) - start) for fact in status["facts"]}
    took = lambda part: tuple(length(status[part]["took"][key]) for key in ("min", "max")) if "took" in status.get(part, {}) else None
    relative = lambda bounds: tuple(at - start for at in bounds)
    true = {
        "detection": since((found.fired, found.fired), found.injected) if found.fired else None,
        "mitigated": relative(found.answered), "recovered": relative(found.back),
        "recovery": since(found.back, counted_from(status, found))}
    if found.reverted:
        true["reverted"] = relative(found.reverted.span)
        if found.reverted.user == REAPER:
            true["revertStarted"] = true["reverted"]
    reported = {name: facts.get(name) for name in true} | {"detection": took("detection"), "recovery": took("recovery")}
    recovery = status.get("recovery", {})
    said = {"verdict": status.get("verdict"), "answer": recovery.get("answer"), "by": recovery.get("by"), "evidence": recovery.get("evidence")}
    most = {name: limit for name, limit in limits(trial, found).items() if name in true}
    return Case(reported, true, most, said, trial.scenario.wanted, trial.scenario.unwanted)


def old_ways(trial, status, found):
    """What the old ways would have said in this run, by kind: bounds and words."""
    every = {
        "receipt": receipt, "return": came_back, "reaper": reaped, "lucky": lucky, "read-back": read_back,
        "not back": given_up, "none": given_up, "by itself": by_itself}
    ways = {kind: every[kind](trial, status, found) for kind in trial.scenario.plants}
    return {kind: way for kind, way in ways.items() if way}


def receipt(_, status, found):
    facts = {fact["name"]: truth.stamp(fact["at"]) for fact in status["facts"]}
    if "notified" not in facts or not found.fired:
        return None
    took = facts["notified"] - facts["injected"]
    return {"detection": (took - 0.1, took)}, {}


def back_at(status, found, low, high):
    """The recovery told as within these bounds."""
    at = low - found.injected[0], high - found.injected[0]
    return {"mitigated": at, "recovered": at, "recovery": since((low, high), counted_from(status, found))}


def came_back(_, status, found):
    return back_at(status, found, found.looked - INTERVAL, found.looked + TIMEOUT), {}


def reaped(_trial, _status, found):
    at = found.looked - found.injected[0]
    return {"revertStarted": (at, at), "reverted": (at, at)}, {}


def lucky(trial, status, found):
    probed = trial.probed(found.reverted.received)
    failed = [index for index, one in enumerate(probed) if one.status != "200"]
    first = failed[-1] + 1 if failed else 0
    if first >= len(probed):
        return None
    # The log has a request when its answer is on its way.
    return back_at(status, found, probed[first].at - INTERVAL - TIMEOUT, probed[first].at + 0.01), {}


def read_back(trial, status, found):
    """As of the write that tells of the revert, which the operator makes when it has read it back."""
    facts = {fact["name"]: (truth.stamp(fact["notBefore"]), truth.stamp(fact["at"])) for fact in status["facts"]}
    written = truth.written(trial.events(), trial.name, "reverted")
    if written is None or "recovered" not in facts:
        return None
    at = written - found.injected[0]
    took = tuple(max(0.0, bound - written) for bound in facts["recovered"])
    return {"reverted": (at, at), "recovery": took}, {}


def given_up(*_):
    return {"recovery": None}, {"verdict": "NotRecovered"}


def by_itself(*_):
    return {}, {"by": "Automatic", "evidence": "the fault was still there"}
