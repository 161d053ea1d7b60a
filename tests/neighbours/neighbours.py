"""Attacks one after another, and prints of each what was seen before there were bounds, what is seen now, what firedrill's
pods took, and how soon another tenant's runs began meanwhile.

usage: neighbours.py EVIDENCE AUDIT_LOG [--sample SEED | TEXT...]     (inside the cluster's network)
"""
import contextlib
import dataclasses
import json
import random
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable

import garbage
import marks
import objects
import port
import probing
from cluster import Untrue
from ground import QUIET, Begun, Here, broken_after, mallorys, opened, stands
from pods import Pod

EVIDENCE, AUDIT, ARGUMENTS = sys.argv[1], sys.argv[2], sys.argv[3:]


@dataclasses.dataclass(frozen=True)
class Attack:
    """One row: what was seen before there were bounds, and what does it again."""
    number: str
    name: str
    before: str
    attack: Callable[[Here], str]
    # Whether it is over soon, so that it is in every sample.
    is_quick: bool = False


ATTACKS = [
    Attack("21.1", "texts of alerts with large expressions", "operator 7.1 GB; another tenant's run after > 241 s", objects.expressions, True),
    Attack("21.2", "bodies of 4 MB without the token", "operator 829 MB", port.bodies, True),
    Attack("21.3", "8,200 connections that say nothing", "none closed after 20 s", port.connections),
    Attack("21.4", "50 notifications of 20,000 alerts", "operator 1.2 GB", port.notifications),
    Attack("21.5", "300 Experiments with 250 kB of annotations", "operator 165 MB at its start, over its limit for ever", objects.experiments),
    Attack("21.6", "a probed address is given to another tenant", "73 requests reached the other tenant's pods", probing.freed_address, True),
    Attack("21.7", "an alert of another namespace", "read in status.detection.alsoFired and in the debrief", probing.foreign_labels, True),
    Attack("21.8", "60 runs that ask the monitoring", "2 requests a second for each run", probing.polls),
    Attack("22.1", "a mark with a path of 30,000 segments", "reaper 7.1 GB; another tenant's fault after > 45 s", marks.path, True),
    Attack("22.2", "400 marks with 250 kB of annotations", "reaper 315 MB", marks.large),
    Attack("22.3", "1,500 marks that cannot be revoked", "6,000 patches in 40 s, 2,754 answered 429", marks.refused),
    Attack("22.4", "an egress that another label closes", "opened by the run", probing.other_egress, True),
    Attack("22.5", "1,600 probes each 100 ms", "another tenant's run NotRecovered: address in use", probing.probes),
    Attack("22.6", "lengths of time that nobody can hold", "13 runs that never complete", objects.durations, True),
    Attack("22.7", "statuses that nobody can judge", "6 runs never complete; one status written 1,348 times a minute", garbage.unjudgeable, True),
    Attack("22.8", "200 waiting runs with 250 kB of annotations", "reaper 173 MB; operator 122 MB at its start", objects.waiting_runs),
    Attack("22.9", "managedFields that nobody can read, or of 1.1 MB", "the watch of all runs failed for ever", objects.foreign_fields),
    Attack("22.10", "a target of 100 pods with 250 kB of annotations", "not measured", objects.large_target),
]


def chosen():
    """The attacks that are asked for: all, those that contain a text, or all that are quick and one of the others."""
    if ARGUMENTS[:1] != ["--sample"]:
        return [one for one in ATTACKS if not ARGUMENTS or any(text in f"{one.number} {one.name}" for text in ARGUMENTS)]
    quick, other = [one for one in ATTACKS if one.is_quick], [one for one in ATTACKS if not one.is_quick]
    sample = [*quick, random.Random(int(ARGUMENTS[1])).choice(other)]
    print(f"a sample, seed {ARGUMENTS[1]}: the quick ones and {sample[-1].number}; {len(sample)} of {len(ATTACKS)} attacks", flush=True)
    return sample


def meanwhile(attack, here):
    """What the attack says, whether that may be, and how soon each of another tenant's runs began while it was on."""
    took, failed, over = [], [], threading.Event()

    def other_tenant():
        while not took or not over.is_set():
            try:
                took.append(here.other_run())
            except Exception as error:
                took.append(Begun(float("inf"), 0))
                failed.append(f"; another tenant's run: {error}")
            over.wait(1)
    beside = threading.Thread(target=other_tenant, daemon=True)
    beside.start()
    try:
        said, holds = attack(here), True
    except Untrue as untrue:
        said, holds = str(untrue), False
    except Exception as error:
        said, holds = f"{type(error).__name__}: {error}", False
    over.set()
    beside.join()
    return said + "".join(failed), holds, took


def judge(one, pods, alone, restart):
    """Attacks, prints the row and gives it."""
    with mallorys(f"mallory-{one.number.replace('.', '-')}") as namespace:
        rest(max(alone))
        for pod in pods:
            pod.begin()
        began = time.time()
        said, holds, took = meanwhile(one.attack, Here(namespace, *pods, AUDIT, restart))
        lasted = time.time() - began
        cost = {pod.component: {"peak_mib": round(pod.peak(), 1), "limit_mib": pod.limit, "restarted": pod.has_restarted()} for pod in pods}
    slowest = max(took, key=lambda begun: begun.after)
    holds = holds and all(begun.is_soon(max(alone)) for begun in took) and not any(of["restarted"] or of["peak_mib"] >= of["limit_mib"] for of in cost.values())
    used = ", ".join(f"{name} {of['peak_mib']:.0f} of {of['limit_mib']} MiB{' and RESTARTED' if of['restarted'] else ''}" for name, of in cost.items())
    used += "" if any(of["restarted"] for of in cost.values()) else ", not restarted"
    print(f"\n{'held' if holds else 'NOT HELD':8}  {one.number}  {one.name}\n    before: {one.before}\n    now:    {said}\n"
          f"    cost:   {used}; another tenant's run after {slowest.after:.2f} s at most, {slowest.created:.2f} s of that for its creation "
          f"alone, and {statistics.median(begun.after for begun in took):.2f} s in the median of {len(took)} "
          f"(without an attack {max(alone):.2f} s and {statistics.median(alone):.2f} s); {lasted:.0f} s", flush=True)
    others = [None if begun.after == float("inf") else round(begun.after, 3) for begun in took]
    return {"number": one.number, "attack": one.name, "before": one.before, "holds": holds, "now": said, "cost": cost,
            "other_tenant_s": others, "seconds": round(lasted)}


def rest(slowest):
    """Waits until nothing is left to notice of the attack before."""
    for _ in range(20):
        with contextlib.suppress(Exception):
            if broken_after(20).after <= slowest:
                return


def main():
    pods = Pod("operator", "firedrill-system"), Pod("reaper", "firedrill-reaper")
    wanted = chosen()
    opened(QUIET)
    stands(QUIET, "web")
    alone = [broken_after().after for _ in range(5)]
    ended = marks.overdue()
    pods[0].replace()
    restart = broken_after().after
    print(f"without an attack: another tenant's run after {max(alone):.2f} s at most, {statistics.median(alone):.2f} s in the median of {len(alone)}; "
          f"after {restart:.1f} s beside an operator that starts; an overdue fault ended after {ended:.1f} s; "
          f"operator {pods[0].peak():.0f} MiB, reaper {pods[1].peak():.0f} MiB", flush=True)
    judged = [judge(one, pods, alone, restart) for one in wanted]
    held = sum(one["holds"] for one in judged)
    with open(EVIDENCE, "w", encoding="utf-8") as file:
        json.dump({"alone_s": alone, "restart_alone_s": restart, "overdue_alone_s": ended, "attacks": judged, "held": held, "of": len(judged)}, file, indent=1)
    print(f"\nneighbours: {held} of {len(judged)} attacks cost nobody but their own tenant")
    sys.exit(held != len(judged))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
