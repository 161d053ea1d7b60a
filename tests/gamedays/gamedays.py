"""Shows what game days promise, on the real cluster: a table for people, one line, and everything as JSON.

usage: gamedays.py EVIDENCE BINARY PART...     (inside the cluster's network; parts are shop, many and bench)
"""
import json
import os
import signal
import sys

import bench
import cluster
import gates
import many
import shop
from cluster import Audit, Operators, Untrue, kubectl, next_minute, side_by_side

EVIDENCE, cluster.BINARY, PARTS = sys.argv[1], sys.argv[2], sys.argv[3:]
CLOCK = "Clock: not closed here, as no clock of this machine can be set for one process; src/core/gameday/day/tests/gates.rs closes it"


def show(row):
    print(f"{'held' if row['held'] else 'NOT HELD':9} {row['gate']:12} {row['closed']:48} {row['said']}", flush=True)
    return row


def days(operators):
    """The demo shop's day, and beside it at the same minute each gate closed once, an abort, and the lever within a day."""
    audit = Audit()
    kubectl("delete", "safetylever", "cluster", "--ignore-not-found")
    fired = gates.Fired(audit)
    shop.prepare()
    fired.prepare()
    at, schedule = next_minute(45)
    shop.plans(schedule)
    fired.plan(at, schedule)
    closed = next(gate.namespace for gate in gates.GATES if gate.name == "Lever")
    runs = {}

    def tour():
        found, said = shop.tour(at, audit)
        runs.update(found)
        return said

    def engage():
        gates.lever(closed, shop.LEVERED)

    def row(name, how, look):
        return gates.judged(gates.Gate(name, how, ""), look)
    looks = [
        *fired.looks(),
        lambda: row("Done", "three faults in order, one objective missed", tour),
        lambda: row("abort", "once the first of two steps has struck", lambda: shop.abort(at, audit)),
        lambda: row("lever", "once the first of two steps has struck", lambda: shop.ended_early(shop.LEVERED, at, audit, engage, "Lever", "the safety lever is")),
    ]
    print(f"\n{'':9} {'gate, or day':12} {'how':48} what it said", flush=True)
    rows = side_by_side(lambda look: show(look()), looks)
    if runs:
        rows.append(show(row("report", "printed after its runs were deleted", lambda: shop.report(at, runs))))
    kubectl("delete", "safetylever", "cluster", "--ignore-not-found")
    rows += [show(one) for one in gates.absent(operators, audit)]
    rows += [show(one) for one in gates.without_source(audit)]
    print(CLOCK)
    kubectl("delete", "namespace", *fired.namespaces, "--wait=false")
    return rows


def disturbed():
    """What the matrix wrote down of days that were disturbed, where it was part of this call."""
    path = os.path.join(os.path.dirname(EVIDENCE), "gamedays-disturbed.json")
    if "disturbed" not in PARTS or not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    result, said, held = {}, [], True
    if {"shop", "many"} & set(PARTS):
        operators = Operators(2, predecessors=gates.PREDECESSORS)
        operators.start()
        if "shop" in PARTS:
            result["days"] = days(operators)
            good = sum(row["held"] for row in result["days"])
            said.append(f"{good} of {len(result['days'])} days and closed gates as they should be")
            held = held and good == len(result["days"])
        if "many" in PARTS:
            many.prepare()
            try:
                result["many"] = many.run(Audit())
                said.append(many.words(result["many"]))
            except Untrue as untrue:
                result["many"], held = {"untrue": str(untrue)}, False
                said.append(f"plans due in one second: NOT HELD: {untrue}")
            print(f"\n{said[-1]}", flush=True)
        operators.kill()
    if "bench" in PARTS:
        result["bench"] = found = bench.run()
        promises = bench.promises(found)
        found["missed"] = [name for name, kept in promises.items() if not kept]
        held = held and not found["missed"]
        print(f"\n{bench.words(found)}", flush=True)
        said.append(f"{found['plans']} plans {found['grown_mib']:+.1f} MiB (at most {bench.MEMORY_MIB}), {found['calls_per_plan_and_hour']:+.3f} calls "
                    f"per plan and idle hour (at most {bench.CALLS_PER_PLAN})" + (f": NOT HELD: {', '.join(found['missed'])}" if found["missed"] else ""))
    if matrix := disturbed():
        result["disturbed"], held = matrix["line"], held and matrix["held"]
        said.insert(0, matrix["line"].removeprefix("game days "))
    result["held"] = held
    with open(EVIDENCE, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    print(f"\ngamedays: {'; '.join(said)}: {'held' if held else 'NOT HELD'}")
    sys.exit(0 if held else 1)


def end(*_):
    """At once: what waits in other threads would hold this process, and its operators with it."""
    for operators in Operators.all:
        operators.kill()
    os._exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    main()
