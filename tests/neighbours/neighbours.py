"""Attacks one after another, and prints a table: what was seen before there were bounds, and what is seen now.

usage: neighbours.py EVIDENCE AUDIT_LOG [TEXT...]     (inside the cluster's network)
"""
import functools
import json
import statistics
import sys
import threading
import time

import attacks
from attacks import Untrue
from ground import MALLORY, OTHER, QUIET, Pod, broken_after, opened

EVIDENCE, AUDIT, ONLY = sys.argv[1], sys.argv[2], sys.argv[3:]
# Another tenant's run begins at most so much later than without the attack: two turns of the loop.
LATER = 2.0


def rows(operator, reaper):
    """Name, whom it is aimed at, what it did before there were bounds, and the attack."""
    return [
        ("alert texts with large regular expressions", operator, "7.1 GB, 241 s", attacks.expressions),
        ("300 bodies of 4 MB without a token", operator, "829 MB", attacks.bodies),
        ("8,200 connections that say nothing", operator, "none closed", attacks.connections),
        ("50 notifications of 20,000 alerts", operator, "1.2 GB", attacks.notifications),
        ("300 Experiments with 250 kB of annotations", operator, "165 MB at start", functools.partial(attacks.experiments, operator)),
        ("a probed address is given to another tenant", operator, "73 requests", attacks.freed_address),
        ("alerts of another namespace", operator, "readable", attacks.foreign_labels),
        ("a mark with a path of 30,000 segments", reaper, "7.1 GB, > 45 s", attacks.path),
        ("400 marks with 250 kB of annotations", reaper, "315 MB", attacks.marks),
        ("1,500 marks that cannot be revoked", reaper, "2,754 x 429", functools.partial(attacks.refused_reverts, AUDIT)),
        ("an egress that another label closes", operator, "opened", attacks.other_egress),
        ("200 waiting runs of 8 probes each 100 ms", operator, "NotRecovered", attacks.probes),
        ("durations that nobody can hold", operator, "13 runs for ever", attacks.durations),
        ("200 waiting runs with 250 kB of annotations", operator, "122 MB at start", functools.partial(attacks.waiting_runs, operator)),
    ]


def meanwhile(name, attack):
    """What the attack says, with how soon another tenant's runs began while it was on."""
    took, over = [], threading.Event()

    def other_tenant():
        while not over.is_set():
            try:
                took.append(broken_after(f"beside-{name}-{len(took)}"))
            except TimeoutError:
                took.append(float("inf"))
            over.wait(1)
    beside = threading.Thread(target=other_tenant)
    beside.start()
    try:
        said, holds = attack(), True
    except (Untrue, TimeoutError) as untrue:
        said, holds = str(untrue), False
    finally:
        over.set()
        beside.join()
    return said, holds, max(took)


def judge(number, row, quiet):
    name, pod, before, attack = row
    opened(MALLORY, QUIET, OTHER)
    pod.look()
    began = time.time()
    said, holds, slowest = meanwhile(number, attack)
    peak, restarted = pod.peak(), pod.restarted()
    holds = holds and peak < pod.limit and not restarted and slowest <= quiet + LATER
    print(f"{'held' if holds else 'NOT HELD':8}  {name:44}  {before:16}  {peak:5.0f} of {pod.limit} MiB"
          f"{', restarted' if restarted else ''}, another tenant's run after {slowest:.1f} s ({time.time() - began:.0f} s)\n          {said}", flush=True)
    return {"attack": name, "before": before, "holds": holds, "said": said, "peak_mib": round(peak, 1), "limit_mib": pod.limit,
            "restarted": restarted, "other_tenant_s": slowest}


operator, reaper = Pod("operator"), Pod("reaper")
wanted = [row for row in rows(operator, reaper) if not ONLY or any(text in row[0] for text in ONLY)]
opened(QUIET)
alone = [broken_after(f"alone-{number}") for number in range(5)]
print(f"another tenant's run without any attack: broken after {statistics.median(alone):.2f} s (median of 5)", flush=True)
judged = [judge(number, row, statistics.median(alone)) for number, row in enumerate(wanted)]
held = sum(one["holds"] for one in judged)
with open(EVIDENCE, "w", encoding="utf-8") as file:
    json.dump({"alone_s": alone, "attacks": judged, "held": held, "of": len(judged)}, file, indent=1)
print(f"neighbours: {held} of {len(judged)} attacks cost their own tenant alone")
sys.exit(held != len(judged))
