"""What a thousand plans that fire far in the future cost one operator: its memory, and its calls while nothing happens."""
import collections
import json
import os
import time

from cluster import Audit, Operators, apply, items, kubectl, must, namespace, plan

NAMESPACES = [f"gameday-plans-{number}" for number in range(10)]
PLANS = 1000
SETTLES = 30  # seconds after the last write
WINDOW = 240  # seconds in which calls are counted
# Promised of a thousand plans.
MEMORY_MIB, CALLS_PER_PLAN = 16, 0.1


def resident(pid):
    """All that is resident, and what of it is no file, in MiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        lines = {line.split(":")[0]: line.split()[1] for line in status if line.startswith(("VmRSS", "RssAnon"))}
    return int(lines["VmRSS"]) / 1024, int(lines["RssAnon"]) / 1024


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(pid):
    """Waits until nothing is left to do, then counts for a window."""
    for _ in range(20):
        audit = Audit()
        time.sleep(SETTLES)
        if all(call.startswith("watch ") for call in counted(audit)):
            break
    else:
        must(False, f"the operator does not come to rest: {counted(audit)}")
    audit, began, used = Audit(), time.time(), cpu(pid)
    time.sleep(WINDOW)
    lasted, calls = time.time() - began, counted(audit)
    whole, own = resident(pid)
    hour = 3600 / lasted
    return {"resident_mib": whole, "own_mib": own, "window_s": lasted, "calls": dict(calls), "calls_per_hour": sum(calls.values()) * hour,
            "writes_per_hour": sum(count for call, count in calls.items() if call.split()[0] in ("create", "patch", "update", "delete")) * hour,
            "cpu_s_per_hour": (cpu(pid) - used) * hour}


def counted(audit):
    """The operator's calls since then."""
    calls = collections.Counter()
    for event in audit.events('"userAgent":"firedrill/'):
        # A watch is a call when it begins, anything else when it is answered. The reaper is not meant.
        is_operator = event["user"]["username"].endswith(":firedrill-operator")
        begins = "ResponseStarted" if event["verb"] == "watch" else "ResponseComplete"
        if is_operator and event["stage"] == begins:
            ref = event.get("objectRef", {})
            calls[f"{event['verb']} {ref.get('resource', event['requestURI'])}"] += 1
    return calls


def plans():
    per = PLANS // len(NAMESPACES)
    for number, name in enumerate(NAMESPACES):
        apply(*[plan(name, f"p{index}", [{"name": f"s{step}", "experiment": "none"} for step in range(3)], schedule=f"{index % 60} {number} 1 1 *",
                     timeZone="Europe/London", suspend=index % 2 == 0) for index in range(per)])


def run():
    """One operator without plans, the same one with them, and one that begins with them."""
    for name in NAMESPACES:
        namespace(name)
    operators = Operators(1)
    operators.start()
    try:
        without = idle(operators.processes[0].pid)
        plans()
        end = time.time() + 180
        while any("conditions" not in one.get("status", {}) for name in NAMESPACES for one in items(name, "gamedays")):
            must(time.time() < end, "the plans were not all judged within 180 s")
            time.sleep(2)
        with_ = idle(operators.processes[0].pid)
        operators.kill()
        operators.start()
        time.sleep(SETTLES)
        whole, own = resident(operators.processes[0].pid)
    finally:
        operators.kill()
        kubectl("delete", "namespace", *NAMESPACES, "--wait=false")
    return {"plans": PLANS, "without": without, "with": with_, "started_with": {"resident_mib": whole, "own_mib": own}}


def promises(found):
    without, with_ = found["without"], found["with"]
    grown = max(with_["resident_mib"], found["started_with"]["resident_mib"]) - without["resident_mib"]
    calls = (with_["calls_per_hour"] - without["calls_per_hour"]) / found["plans"]
    found |= {"grown_mib": grown, "calls_per_plan_and_hour": calls}
    return {f"memory +{MEMORY_MIB} MiB": grown <= MEMORY_MIB, f"{CALLS_PER_PLAN} calls per plan and idle hour": calls <= CALLS_PER_PLAN}


def words(found):
    lines = [f"{'':32}{'resident':>10}{'its own':>10}{'calls/h':>10}{'writes/h':>10}{'CPU s/h':>10}"]
    for title, of in (("no plans", found["without"]), (f"{found['plans']} plans, half suspended", found["with"])):
        lines.append(f"{title:32}{of['resident_mib']:6.1f} MiB{of['own_mib']:6.1f} MiB{of['calls_per_hour']:10.0f}{of['writes_per_hour']:10.0f}{of['cpu_s_per_hour']:10.1f}")
    begun = found["started_with"]
    lines.append(f"{'begun with them':32}{begun['resident_mib']:6.1f} MiB{begun['own_mib']:6.1f} MiB")
    lines.append(f"calls are those of {found['with']['window_s']:.0f} s without a fire, by the audit log, extrapolated to an hour; with plans: {json.dumps(found['with']['calls'])}")
    return "\n".join(lines)
