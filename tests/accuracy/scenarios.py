"""The scenarios: what is broken, what happens meanwhile, and which words must be said of it."""
import contextlib
import time
from dataclasses import dataclass, field
from typing import Callable

import cluster
import truth
from cluster import SYSTEM, wait_for
from judge import INTERVAL, TIMEOUT

OPERATOR = "system:serviceaccount:firedrill-system:firedrill-operator"
REAPER = "system:serviceaccount:firedrill-reaper:firedrill-reaper"
# How long the operator is away at least, longer than what it misses lasts.
AWAY = 12


@dataclass(frozen=True)
class Scenario:
    target: str
    fault: dict
    alert: str
    within: str = "50s"
    detection: str = "8s"
    duration: str = "1m"
    stable: int = 3
    path: str = "/healthz"
    polling: bool = True
    webhook: bool = True
    meanwhile: Callable = lambda trial: None
    wanted: dict = field(default_factory=dict)
    unwanted: dict = field(default_factory=dict)
    plants: tuple = ()

    @property
    def kills(self):
        return "podKill" in self.fault

    def template(self):
        probe = {"service": self.target, "port": 80, "path": self.path, "interval": f"{INTERVAL * 1000:.0f}ms", "timeout": f"{TIMEOUT * 1000:.0f}ms"}
        return {
            "hypothesis": "accuracy", "owner": "accuracy", "target": {"deployment": self.target},
            "fault": self.fault, "duration": self.duration, "steadyState": [{"name": "answers", "http": probe}],
            "detection": {"within": self.detection, "alerts": [f'{{alertname="{self.alert}"}}']},
            "recovery": {"within": self.within, "stableFor": f"{self.stable}s", "countFaultEnded": not self.kills},
            "guards": {"minReady": 0, "steadyFor": "1s"}}


def impact(trial):
    cluster.until('{.status.facts[?(@.name=="impactStarted")].name}', "impactStarted", trial.name, 40)


def gone(trial, stop):
    """Ends the operator by `stop`; from when on it is not there."""
    old = cluster.containers(SYSTEM, "app.kubernetes.io/name=firedrill")
    stop()
    return wait_for(lambda: trial.runtime.ended(old), 30, "the operator's end")[-1]


def returned(trial, since):
    """When its successor had looked at the pods for the first time."""
    looked = lambda: truth.looked(trial.events(), OPERATOR, since)
    return wait_for(looked, 30, "an operator that continues the run")


def restart(trial):
    """Kills the operator midway; the Deployment starts another one."""
    impact(trial)
    time.sleep(trial.phase)
    since = gone(trial, cluster.kill_operator)
    trial.absence = since, returned(trial, since)


def away(trial, is_over):
    """No operator from somewhere in the impact until a while after it is over."""
    impact(trial)
    time.sleep(trial.phase / 2)
    since = gone(trial, lambda: cluster.scale(0))
    wait_for(is_over, 60, "the end of what the operator misses")
    time.sleep(max(trial.phase, since + AWAY - time.time()))
    cluster.scale(1)
    trial.absence = since, returned(trial, since)


def away_while_it_heals(trial):
    away(trial, trial.sees_it_back)


def away_while_reaped(trial):
    away(trial, lambda: trial.reverted() and trial.sees_it_back())


def lagging(trial):
    """One node learns later than the other that the dependency is back: when our probe has just met a pod that
    knows. No later than a probe's interval, so that one more sample is enough to tell."""
    impact(trial)
    # By now both nodes know that it is gone.
    time.sleep(1.5)
    here, late = cluster.nodes()[:2]
    with cluster.proxy_held(late), contextlib.closing(cluster.Tail(here, trial.scenario.target)) as tail:
        reverted = wait_for(trial.reverted, 60, "the revert", pause=0.05)
        good = lambda: [one for one in truth.requests(tail.read(), "firedrill/", reverted.received) if one.status == "200"]
        wait_for(good, 10, "a good sample", pause=0.005)
        time.sleep(INTERVAL * 0.2)


def all_pods(count):
    return {"podKill": {"count": count}}


IN_TIME = {"target": "web", "fault": all_pods(2)}
QUICK = {"target": "quick", "fault": all_pods(2), "alert": "AccuracyQuick", "stable": 2}
OUTAGE = {
    "target": "front", "fault": {"dependencyOutage": {"blackhole": {"service": "back"}}}, "alert": "AccuracyErrors",
    "path": "/", "stable": 2}
ENDED = {"by": ("FaultEnded",)}
NOT_GIVEN_UP = {"verdict": ("NotRecovered",)}

SCENARIOS = {
    "in time": Scenario(**IN_TIME, alert="AccuracyDown", plants=("receipt",)),
    "late": Scenario(**IN_TIME, alert="AccuracyLate", plants=("receipt",)),
    "never": Scenario(**IN_TIME, alert="AccuracyNever"),
    "webhook cut": Scenario(**IN_TIME, alert="AccuracyDown", webhook=False),
    "polling cut": Scenario(**IN_TIME, alert="AccuracyDown", polling=False, plants=("receipt",)),
    "restarted": Scenario(**IN_TIME, alert="AccuracyDown", meanwhile=restart, plants=("receipt",)),
    "away": Scenario(**QUICK, meanwhile=away_while_it_heals, unwanted=NOT_GIVEN_UP, plants=("return",)),
    # Back within the objective, but nobody saw that: neither met nor missed.
    "away past it": Scenario(
        **QUICK, within="10s", meanwhile=away_while_it_heals, wanted={"verdict": ("Inconclusive",), "answer": ("Inconclusive",)},
        plants=("return", "not back")),
    "reaper": Scenario(
        **OUTAGE, duration="8s", meanwhile=away_while_reaped,
        unwanted={"by": ("Automatic",), "evidence": ("still there",), **NOT_GIVEN_UP}, plants=("return", "reaper", "by itself")),
    "several pods": Scenario(**OUTAGE, duration="5s", meanwhile=lagging, wanted=ENDED, plants=("lucky", "read-back")),
    "outage": Scenario(**OUTAGE, duration="4s", wanted=ENDED, plants=("read-back",)),
    "rollout": Scenario(
        target="release", fault={"badRollout": {"image": "firedrill.invalid/none"}}, alert="AccuracyRelease",
        duration="6s", stable=2, wanted=ENDED, plants=("read-back",)),
    "late recovery": Scenario(**QUICK, within="5s", detection="5s", wanted={"verdict": ("ObjectiveMissed",), "answer": ("No",)}, plants=("none",)),
    "waiting": Scenario(**{**OUTAGE, "alert": "AccuracyLingers"}, plants=("hanging",)),
}
# What is quick, or has most to tell, is run twice as often. Configurations are changed as rarely as may be.
ORDER = [
    "in time", "late", "never", "restarted", "away", "away past it", "reaper", "several pods", "outage", "rollout",
    "late recovery", "waiting", "several pods", "rollout", "late recovery", "outage", "webhook cut", "polling cut"]
