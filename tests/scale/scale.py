"""Creates many runs at once, for the operator and then for the bare chain, and reads all times from the audit log.

usage: scale.py PART...     (inside the cluster's network; the parts, and the programs in its environment: see scale.sh)
"""
import concurrent.futures
import datetime
import json
import os
import random
import statistics
import sys
import time

import outages
import pods

from api import (
    AUDIT, CONNECTIONS, REAPER, are_under_way, clear, cpu, create, deployment, end, events, is_own, kubectl, make, operator, own,
    prepared, remove, request, resident, run, runs_path, seconds, start, verdicts,
)

BARE, PARTS = os.environ["BARE"], sys.argv[1:]
ROWS = [10, 50, 100, 200]
# Promised of 200 at once: seconds from accepted to evicted, MiB resident, and how much later than the bare chain the
# last one is.
MEDIAN, LATEST, RESIDENT, RATIO = 1.0, 3.0, 40, 2.0
THOUSAND_RESIDENT = 60  # MiB
CPU_SPREAD = 1.2  # CPU per run of any row, by that of the first
WAITING_READS = 2  # per run and minute that it waits
ORDER = 3.0  # s: nobody starts before one that was created so much earlier
PACE = 20  # runs created per second where they wait for each other
KILLS, KILLED_FOR = 20, 30  # times, within so many seconds
ARMED_FOR = 40  # s
REAPED = 15.0  # s after the deadline
BESIDE = 50  # runs at once beside what is kept
# Seconds without a call until an operator has settled, minutes in which it must, and seconds that it is looked at then.
QUIET, SETTLES, IDLES = 15, 15, 60
KEPT_RESIDENT = 64  # MiB
MINUTES = 6  # until every run of a row is complete
GROWS = 25  # min until 10,000 pods are ready, or are gone
BESIDE_RESIDENT = 1.1  # resident beside the pods of other targets, by that without them
# Of 1,000 outages: late at p99, by a bare prober's probes; s after the deadline; MiB; cores.
LATE, ENDED, OUTAGES_RESIDENT, CORES = 2.0, 1.0, 120, 1.0


def told(namespaces, offset):
    """When each run was accepted and when its pod was evicted, and how many requests and reads the operator sent since
    `offset`."""
    accepted, evicted, requests, reads = {}, {}, 0, 0
    for event in events(offset):
        ref = event.get("objectRef", {})
        if is_own(event):
            requests += 1
            reads += event["verb"] in ("get", "list")
        if ref.get("namespace") not in namespaces or event["responseStatus"]["code"] != 201:
            continue
        key, at = (ref["namespace"], ref.get("name", "")), seconds(event["stageTimestamp"])
        if ref.get("subresource") == "eviction":
            evicted.setdefault((key[0], key[1].split("-")[0].replace("t", "r")), at)
        elif ref.get("resource") == "experimentruns" and event["verb"] == "create":
            accepted[key] = at
    return accepted, evicted, requests, reads


def most_under_way(runs):
    """How many of these runs had journaled and were not over at once, by what each says of itself."""
    changes = []
    for item in runs:
        at = {fact["name"]: fact["at"] for fact in item["status"].get("facts", [])}
        if "journaled" in at:
            changes += [(at["journaled"], 1), (at.get("completed", "9"), -1)]
    under_way = most = 0
    for _, change in sorted(changes):
        under_way += change
        most = max(most, under_way)
    return most


def measured(count, namespaces, pace=None, first=0, is_bare=False):
    """Creates the runs of these namespaces, from that number on, at once or `pace` in a second, and waits for what becomes of
    them."""
    offset, began = os.path.getsize(AUDIT), time.time()
    numbers = range(first, first + count // len(namespaces))
    bodies = [(runs_path(namespace), run(number)) for number in numbers for namespace in namespaces]
    if pace:
        for number, body in enumerate(bodies):
            time.sleep(max(0, began + number / pace - time.time()))
            request("POST", *body)
    else:
        create(bodies)
    took = time.time() - began
    while time.time() < began + 60 * MINUTES:
        time.sleep(2)
        if not are_under_way(namespaces) and (not is_bare or len(told(namespaces, offset)[1]) == count):
            break
    found = [item for namespace in namespaces for item in request("GET", runs_path(namespace))["items"]]
    accepted, evicted, requests, reads = told(namespaces, offset)
    latencies = sorted(evicted[key] - at for key, at in accepted.items() if key in evicted)
    return {
        "runs": count, "namespaces": len(namespaces), "created_in_s": took, "injected": len(latencies), "verdicts": verdicts(found),
        "requests_per_run": requests / count, "reads_per_run": reads / count, "out_of_order_s": out_of_order(accepted, evicted),
        "most_under_way": most_under_way(found),
        "median_s": statistics.median(latencies) if latencies else None, "max_s": latencies[-1] if latencies else None,
        "last_s": max(evicted.values()) - min(accepted.values()) if evicted else None,
    }


def row(count, namespaces, command=None, pace=None, first=0):
    """The runs of these namespaces with that program or the bare chain, and what it took."""
    commands = [command] if command else [[BARE, namespace] for namespace in namespaces]
    processes = [start(command) for command in commands]
    time.sleep(3)
    before = sum(cpu(process.pid) for process in processes)
    result = measured(count, namespaces, pace, first, is_bare=not command) | {
        "resident_mib": max(resident(process.pid) for process in processes),
        "cpu_s": sum(cpu(process.pid) for process in processes) - before,
    }
    for process in processes:
        end(process)
    for namespace in namespaces:
        clear(namespace)
    return result


def limited(count):
    """So many runs at once of the operator's pod as the chart installs it, and what it took of its memory."""
    namespaces, pod = prepared(count, "pod"), pods.Pod("operator", "firedrill-system")
    result = measured(count, namespaces) | {
        "memory_mib": pod.peak(), "limit_mib": pod.limit, "restarted": pod.has_restarted()}
    remove(namespaces)
    return result


def keep(number, namespaces, pattern):
    """Creates an experiment and a run of it that is over, as that one is."""
    namespace, name = namespaces[number % len(namespaces)], f"kept-{number}"
    spec = pattern["spec"] | {"experiment": name}
    experiment = {"apiVersion": pattern["apiVersion"], "kind": "Experiment", "metadata": {"name": name}, "spec": spec["template"]}
    request("POST", runs_path(namespace).replace("experimentruns", "experiments"), experiment)
    over = {"apiVersion": pattern["apiVersion"], "kind": "ExperimentRun", "metadata": {"name": f"{name}-run"}, "spec": spec}
    created = request("POST", runs_path(namespace), over)
    request("PUT", f"{runs_path(namespace)}/{name}-run/status", created | {"status": pattern["status"]})


def crowded(targets, size):
    """What runs of targets with two pods take of an operator without others in their namespace, and beside as many targets of
    so many pods each; and what runs of those take."""
    [namespace] = grounds = prepared(targets, "wide")
    few = row(targets, grounds, operator(1000))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    create([(path, deployment(f"t{number}", size)) for number in range(targets, 2 * targets)])
    kubectl("-n", namespace, "wait", "--for=condition=Available", "deployments", "--all", f"--timeout={60 * GROWS}s")
    result = {"few": few, "beside": row(targets, grounds, operator(1000)), "many": row(targets, grounds, operator(1000), first=targets)}
    remove(grounds)
    kubectl("wait", "--for=delete", f"namespace/{namespace}", f"--timeout={60 * GROWS}s")
    return result


def rested(count, spread):
    """What an operator takes that has so many experiments to look after, each with a run that is over, and none to run;
    and what runs take of it then."""
    ground = prepared(BESIDE, "few")
    alone = row(BESIDE, ground, operator(1000))
    process, _ = start(operator(1000)), time.sleep(3)
    request("POST", runs_path(ground[0]), run(0))
    kubectl("-n", ground[0], "wait", "--for=condition=Complete", "experimentrun/r0", "--timeout=120s")
    pattern = request("GET", f"{runs_path(ground[0])}/r0")
    end(process)
    clear(ground[0])
    namespaces = [f"scale-kept-{number}" for number in range(spread)]
    for namespace in namespaces:
        make(namespace)
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda number: keep(number, namespaces, pattern), range(count)))
    offset, began = os.path.getsize(AUDIT), time.time()
    process = start(operator(1000))
    quiet = 0
    while quiet < QUIET and time.time() < began + 60 * SETTLES:
        before = os.path.getsize(AUDIT)
        time.sleep(5)
        quiet = quiet + 5 if not any(True for _ in own(before)) else 0
    settled, offset, spent = time.time() - began - quiet, os.path.getsize(AUDIT), cpu(process.pid)
    time.sleep(IDLES)
    calls = [event["verb"] for event in own(offset)]
    result = {
        "kept": count, "settled_s": settled, "idle_calls": sum(verb != "watch" for verb in calls), "idle_watches": calls.count("watch"),
        "idle_cpu_s": cpu(process.pid) - spent, "resident_mib": resident(process.pid), "alone": alone,
    }
    end(process)
    result["beside"] = row(BESIDE, ground, operator(1000))
    remove(ground + namespaces)
    return result


def out_of_order(accepted, evicted):
    """By how many seconds at most a run was created after one of its namespace that started later."""
    worst, latest = 0.0, {}
    for key in sorted(evicted.keys() & accepted.keys(), key=evicted.get):
        worst = max(worst, latest.get(key[0], accepted[key]) - accepted[key])
        latest[key[0]] = max(latest.get(key[0], accepted[key]), accepted[key])
    return worst


def words(result):
    if not result["injected"]:
        return "nothing was broken"
    return f"{result['median_s']:6.2f} / {result['max_s']:5.2f} s, last after {result['last_s']:5.2f} s"


def tell(result, bare=None):
    beside = f"   bare {words(bare)}" if bare else ""
    print(f"{result['runs']:5} runs   accepted -> evicted {words(result)}{beside}   {result['resident_mib']:5.1f} MiB   "
          f"{1000 * result['cpu_s'] / result['runs']:5.1f} ms CPU and {result['requests_per_run']:.1f} requests per run   "
          f"{result['verdicts']}", flush=True)


def both(count, name, spread=1):
    namespaces = prepared(count, name, spread)
    ours, bare = row(count, namespaces, operator(1000)), row(count, namespaces)
    remove(namespaces)
    tell(ours, bare)
    return {"ours": ours, "bare": bare}


def in_time(pair):
    ours, bare = pair["ours"], pair["bare"]
    return bool(ours["injected"] and bare["injected"] and ours["last_s"] <= RATIO * bare["last_s"])


def all_inject(result):
    return result["injected"] == result["runs"]


def killed(count, name, beside):
    """So many runs at once, and an operator that is killed at random moments and started again, alone or beside a second
    one: how many pods each run took, and how the runs ended."""
    namespaces = prepared(count, name)
    namespace, command = namespaces[0], operator(1000)
    process, second = start(command), start(command) if beside else None
    time.sleep(3)
    offset, began = os.path.getsize(AUDIT), time.time()
    path = runs_path(namespace)
    create([(path, run(number)) for number in range(count)])
    seed = random.randrange(1 << 32)
    print(f"  killed at {KILLS} moments of seed {seed}{', beside a second operator' if beside else ''}", flush=True)
    for moment in sorted(random.Random(seed).uniform(0, KILLED_FOR) for _ in range(KILLS)):
        time.sleep(max(0, began + moment - time.time()))
        end(process)
        process = start(command)
    while time.time() < began + 60 * MINUTES:
        time.sleep(2)
        if not are_under_way(namespaces):
            break
    reasons = {}
    for item in request("GET", path)["items"]:
        reason = item["status"].get("reason", "not complete")
        reasons[reason] = reasons.get(reason, 0) + 1
    taken = {}
    for event in events(offset, '"eviction"', f'"namespace":"{namespace}"'):
        if event["responseStatus"]["code"] == 201:
            pod = event["objectRef"]["name"]
            taken.setdefault(pod.split("-")[0], set()).add(pod)
    for one in filter(None, (process, second)):
        end(one)
    clear(namespace)
    remove(namespaces)
    return {"runs": count, "beside": beside, "seed": seed, "kills": KILLS, "reasons": reasons,
            "one_victim": sum(len(pods) == 1 for pods in taken.values()), "more": sum(len(pods) > 1 for pods in taken.values())}


def overdue(count, spread):
    """How long after their deadline the reaper ends so many faults that nobody else ends, in seconds."""
    namespaces = [f"scale-reaper-{number}" for number in range(spread)]
    for namespace in namespaces:
        make(namespace)
    # A run that is there and that no operator looks after: a fault of one that is gone is ended at once.
    uid = request("POST", runs_path(namespaces[0]), run(0))["metadata"]["uid"]
    process = start(REAPER)
    deadline = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=ARMED_FOR)
    offset, before = os.path.getsize(AUDIT), cpu(process.pid)
    create([(policies_path(namespace), armed(number, uid, deadline)) for number in range(count // spread) for namespace in namespaces])
    ended = {}
    while len(ended) < count and time.time() < deadline.timestamp() + 120:
        time.sleep(2)
        ended = revoked(namespaces, offset)
    late = sorted(at - deadline.timestamp() for at in ended.values())
    result = {"armed": count, "ended": len(late), "first_s": late[0] if late else None, "last_s": late[-1] if late else None,
              "resident_mib": resident(process.pid), "cpu_s": cpu(process.pid) - before}
    end(process)
    remove(namespaces)
    return result


def policies_path(namespace):
    return f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"


def armed(number, uid, deadline):
    """A policy that blocks the egress of pods until then, as the fault of that run."""
    return {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {
            "name": f"p{number}", "labels": {"firedrill.dev/fault": f"{uid}.1.armed"},
            "annotations": {
                "firedrill.dev/deadline": deadline.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "firedrill.dev/at-inert": "/spec/podSelector/matchLabels/firedrill.dev~1inert",
                "firedrill.dev/was-inert": '"true"', "firedrill.dev/set-inert": "null"}},
        "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"], "egress": [{}]},
    }


def revoked(namespaces, offset):
    """When each fault was ended, by namespace and name."""
    ended = {}
    for event in events(offset, '"networkpolicies"', '"verb":"patch"'):
        ref = event["objectRef"]
        if event["responseStatus"]["code"] == 200 and ref["namespace"] in namespaces:
            ended[ref["namespace"], ref["name"]] = seconds(event["stageTimestamp"])
    return ended


EVIDENCE = "target/evidence/scale.json"
figures, promises = {}, {}
if "once" in PARTS:
    rows = figures["once"] = [both(count, str(count)) for count in ROWS]
    ours = rows[-1]["ours"]
    per_run = [entry["ours"]["cpu_s"] / entry["ours"]["runs"] for entry in rows]
    promises |= {
        f"{ROWS[-1]} at once: every run injects": all(all_inject(entry["ours"]) for entry in rows),
        f"{ROWS[-1]} at once: median <= {MEDIAN:.0f} s": bool(ours["injected"]) and ours["median_s"] <= MEDIAN,
        f"{ROWS[-1]} at once: max <= {LATEST:.0f} s": bool(ours["injected"]) and ours["max_s"] <= LATEST,
        f"{ROWS[-1]} at once: last <= {RATIO:.0f}x the bare chain's": in_time(rows[-1]),
        f"{ROWS[-1]} at once: resident <= {RESIDENT} MiB": ours["resident_mib"] <= RESIDENT,
        f"CPU per run <= {CPU_SPREAD:.1f}x that of {ROWS[0]} at once": max(per_run) <= CPU_SPREAD * per_run[0],
    }
if "cap" in PARTS:
    print(f"  {ROWS[-1]} in {ROWS[-1] // PACE} s, of which the default cap lets 20 be under way:")
    namespaces = prepared(ROWS[-1], "cap")
    waiting = figures["cap"] = row(ROWS[-1], namespaces, operator(20), pace=PACE)
    remove(namespaces)
    tell(waiting)
    minutes = waiting["runs"] * (waiting["median_s"] or 0) / 60
    starts = 4  # reads of a run that starts: lever, namespace, deployment and pods
    extra = (waiting["reads_per_run"] - starts) * waiting["runs"] / minutes if minutes else None
    waiting["reads_per_waiting_minute"] = extra
    promises |= {
        "20 under way: every run injects": all_inject(waiting),
        "20 under way: never more": waiting["most_under_way"] <= 20,
        f"20 under way: those that wait read <= {WAITING_READS} times a minute": extra is not None and extra <= WAITING_READS,
        f"20 under way: in order of creation within {ORDER:.0f} s": waiting["out_of_order_s"] <= ORDER,
    }
if "thousand" in PARTS:
    thousand = figures["thousand"] = both(1000, "thousand", spread=10)
    promises |= {
        "1,000 at once: every run injects": all_inject(thousand["ours"]),
        f"1,000 at once: last <= {RATIO:.0f}x the bare chain's": in_time(thousand),
        f"1,000 at once: resident <= {THOUSAND_RESIDENT} MiB": thousand["ours"]["resident_mib"] <= THOUSAND_RESIDENT,
    }
if "pod" in PARTS:
    contained = figures["pod"] = limited(ROWS[-1])
    print(f"{contained['runs']:5} runs   accepted -> evicted {words(contained)}   of the chart's pod, {contained['memory_mib']:.1f} of "
          f"{contained['limit_mib']} MiB   {contained['verdicts']}", flush=True)
    promises |= {
        f"{ROWS[-1]} at once, the chart's pod: every run injects": all_inject(contained),
        f"{ROWS[-1]} at once, the chart's pod: within its memory, not restarted":
            contained["memory_mib"] <= contained["limit_mib"] and not contained["restarted"],
    }
if "kept" in PARTS:
    kept = figures["kept"] = rested(10000, 10)
    spent = [1000 * kept[name]["cpu_s"] / kept[name]["runs"] for name in ("alone", "beside")]
    print(f"{kept['kept']:5} experiments and runs that are over   settled after {kept['settled_s']:.0f} s, then {kept['idle_calls']} calls, "
          f"{kept['idle_watches']} watches and {kept['idle_cpu_s']:.2f} s CPU in {IDLES} s   {kept['resident_mib']:.1f} MiB   "
          f"{BESIDE} runs: {spent[0]:.1f} ms CPU each without them, {spent[1]:.1f} beside them", flush=True)
    promises |= {
        f"{kept['kept']} kept: no call in {IDLES} s but for Leases and watches": kept["idle_calls"] == 0,
        f"{kept['kept']} kept: resident <= {KEPT_RESIDENT} MiB": kept["resident_mib"] <= KEPT_RESIDENT,
        f"{kept['kept']} kept: CPU per run <= {CPU_SPREAD:.1f}x": spent[1] <= CPU_SPREAD * spent[0],
    }
if "killed" in PARTS:
    figures["killed"] = [killed(ROWS[-1], name, beside) for name, beside in (("killed", False), ("beside", True))]
    for result in figures["killed"]:
        print(f"{result['runs']:5} runs   {result['one_victim']} took one pod, {result['more']} more   {result['reasons']}", flush=True)
    late = sum(result["reasons"].get("DeadlinePassed", 0) for result in figures["killed"])
    promises |= {
        f"killed {KILLS} times: one pod per run": all(result["one_victim"] == result["runs"] for result in figures["killed"]),
        f"killed {KILLS} times: every run is complete": not any("not complete" in result["reasons"] for result in figures["killed"]),
        f"killed {KILLS} times: none came too late to inject": late == 0,
    }
if "outages" in PARTS:
    found = figures["outages"] = outages.under_way(1000, 10)
    ours, beside = found["ours"], found["bare"]
    print(f"{found['runs']:5} outages   all under way after {found['armed_after_s']:.0f} s, for {found['all_under_way_s']:.0f} s   ended "
          f"{found['reverted_first_s'] or 0:.2f} to {found['reverted_last_s'] or 0:.2f} s after their deadline   {found['resident_mib']:.1f} MiB, "
          f"{found['cores']:.2f} cores   {found['verdicts']}", flush=True)
    for name, side in (("the operator's", ours), ("a bare prober's", beside)):
        if side:
            print(f"      {name:15} {side['probes']} probes of {side['series']}: late {side['median_ms']:.1f} ms (median), {side['p99_ms']:.1f} ms (p99), "
                  f"{side['max_ms']:.0f} ms (max), {side['missed']} left out", flush=True)
    promises |= {
        "1,000 outages: all under way at once": found["armed"] == found["runs"] and found["all_under_way_s"] > 0,
        f"1,000 outages: probes late at p99 <= {LATE:.0f}x a bare prober's": bool(ours) and ours["p99_ms"] <= LATE * beside["p99_ms"],
        "1,000 outages: no probe left out": bool(ours) and ours["series"] == found["runs"] and ours["missed"] == 0,
        f"1,000 outages: each ended within {ENDED:.0f} s of its deadline":
            found["reverted"] == found["runs"] and found["reverted_first_s"] >= 0 and found["reverted_last_s"] <= ENDED,
        "1,000 outages: all facts there": found["facts_missing"] == 0,
        f"1,000 outages: resident <= {OUTAGES_RESIDENT} MiB": found["resident_mib"] <= OUTAGES_RESIDENT,
        f"1,000 outages: <= {CORES:.0f} core": found["cores"] <= CORES,
    }
if "wide" in PARTS:
    wide = figures["wide"] = crowded(50, 200)
    few, beside, many = (wide[name] for name in ("few", "beside", "many"))
    print(f"   50 runs of two pods each: {few['resident_mib']:.1f} MiB, beside 10,000 pods of other targets {beside['resident_mib']:.1f} MiB; of "
          f"200 pods each {many['resident_mib']:.1f} MiB   {many['verdicts']}", flush=True)
    promises |= {
        "10,000 pods: every run injects": all(all_inject(one) for one in (few, beside, many)),
        f"10,000 pods of other targets: resident <= {BESIDE_RESIDENT:.1f}x": beside["resident_mib"] <= BESIDE_RESIDENT * few["resident_mib"],
    }
if "reaper" in PARTS:
    reaped = figures["reaper"] = overdue(1000, 10)
    print(f"{reaped['armed']:5} armed  ended {reaped['first_s'] or 0:.1f} to {reaped['last_s'] or 0:.1f} s after their deadline   "
          f"{reaped['resident_mib']:5.1f} MiB   {1000 * reaped['cpu_s'] / reaped['armed']:5.1f} ms CPU each", flush=True)
    promises |= {
        "1,000 armed, no operator: all are ended": reaped["ended"] == reaped["armed"],
        "1,000 armed, no operator: none before its deadline": reaped["first_s"] is not None and reaped["first_s"] >= 0,
        f"1,000 armed, no operator: <= {REAPED:.0f} s after their deadline": (reaped["last_s"] or REAPED + 1) <= REAPED,
    }
for promise, held in promises.items():
    print(f"  {'held    ' if held else 'NOT HELD'}  {promise}")
missed = [name for name, held in promises.items() if not held]
known = {}
if os.path.exists(EVIDENCE):
    with open(EVIDENCE, encoding="utf-8") as evidence:
        known = json.load(evidence)
# One call may be of several programs like this one.
known |= figures | {"promises": known.get("promises", {}) | promises}
known["held"] = all(known["promises"].values())
with open(EVIDENCE, "w", encoding="utf-8") as evidence:
    json.dump(known, evidence, indent=2)
print(f"scale: {len(promises) - len(missed)} of {len(promises)} promises held" + (f", not: {'; '.join(missed)}" if missed else ""))
sys.exit(0 if not missed else 1)
