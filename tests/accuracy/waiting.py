"""A run that is begun again while an alert of the first is still on: it must start once that has ended."""
import contextlib
import json
import time

import truth
from cluster import NAMESPACE, kubectl, wait_for
from judge import MARGIN, START, Case

# How long after the alert's end the start is waited for.
PATIENCE = 15


def wait_and_start(trial, receipts):
    """A run is deleted when its fault was there for a second or two, and created again at once."""
    first = f"{trial.name}-first"
    alert = truth.Alert(trial.scenario.alert)
    alert.start()
    try:
        trial.create(first)
        wait_for(trial.changes, 40, "the fault")
        time.sleep(1 + trial.phase / 6)
        kubectl("-n", NAMESPACE, "delete", "experimentrun", first)
        began = time.time()
        trial.create(trial.name)
        ended = wait_for(alert.ended, 60, "the alert to end")
        started = started_within(trial, PATIENCE)
        status = trial.status()
        kubectl("-n", NAMESPACE, "delete", "experimentrun", trial.name)
    finally:
        alert.finish()
    # Only a notification that comes while the run waits is the case that is meant.
    if not any(began < at < ended[1] for at in receipts(trial.scenario.alert)):
        raise truth.Missed("no notification came while the run waited")
    return status, case(started, ended)


def started_within(trial, seconds):
    """The third change of the dependency: set, taken away, set again."""
    with contextlib.suppress(TimeoutError):
        return wait_for(lambda: trial.changes()[2:], seconds, "the start")[0]
    return None


def case(started, ended):
    reported = started and (started.received - ended[1], started.received - ended[0])
    return Case({"start": reported}, {"start": (0.0, START)}, {"start": ended[1] - ended[0] + MARGIN})


def receipts_of(path):
    """When Alertmanager's notifications of an alert arrived at our own receiver."""
    def receipts(alert):
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        return [line["received"] for line in lines if line["labels"].get("alertname") == alert and line["status"] == "firing"]
    return receipts


HANGING = {"hanging": ({"start": None}, {})}
