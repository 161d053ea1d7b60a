"""Compares what runs report with the truth (truth.py), at random phases.

usage: accuracy.py RUNS SEED SCENARIOS AUDIT_LOG MON_DIR SOCKET...     (inside the cluster's network)
"""
import json
import os
import random
import sys
import traceback

import cluster
import finding
import truth
import waiting
from judge import failures, width
from plants import KINDS, count
from scenarios import ORDER, SCENARIOS
from trial import Trial

RUNS, SEED, AUDIT, MON, SOCKETS = int(sys.argv[1]), int(sys.argv[2]), sys.argv[4], sys.argv[5], sys.argv[6:]
CHOSEN = [name for name in ORDER if name in sys.argv[3].split(",")] if sys.argv[3] else ORDER
EVIDENCE = "target/evidence/accuracy"
# A run that tells nothing, as what it is about did not happen, is begun anew, and says so.
ATTEMPTS = 3


def needs(scenario):
    """The targets that it needs whole."""
    return ["front", "back"] if scenario.target == "front" else [scenario.target]


def one(trial):
    """What the run says and the truth of it, as a case, and what the old ways would have said; its status."""
    if trial.scenario.plants == ("hanging",):
        status, case = waiting.wait_and_start(trial, waiting.receipts_of(f"{MON}/alerts.jsonl"))
        return status, case, waiting.HANGING
    trial.run()
    status, found = trial.status(), finding.find(trial)
    return status, finding.case(trial, status, found), finding.old_ways(trial, status, found)


def show(bounds):
    return f"{bounds[0]:7.3f} - {bounds[1]:7.3f}s" if bounds else "none"


def table(number, scenario, case, failed):
    """A line for each thing that is measured, and one for what is said."""
    for name, true in case.true.items():
        reported, most = case.reported.get(name), case.most[name]
        wide = f"{width(reported):.3f}/{most:.2f}" if reported else "-"
        print(
            f"{number:>4} {scenario:14} {name:14} {show(reported):>19} {show(true):>19} {wide:>14}"
            f"{'  NOT HELD' if name in failed else ''}", flush=True)
        number = scenario = ""
    for name, said in case.said.items():
        demands = [f"must be {word}" for word in case.wanted.get(name, ())] + [f"must not be {word}" for word in case.unwanted.get(name, ())]
        if demands or name == "verdict":
            print(f"{'':19} {name:14} {said}{'  NOT HELD: ' + ', '.join(demands) if name in failed else ''}", flush=True)


def write(name, content):
    with open(f"{EVIDENCE}/{name}.json", "w", encoding="utf-8") as out:
        json.dump(content, out, indent=2, default=str)


def keep(name, trial, **more):
    """Writes down everything that is known of a run."""
    known = {"run": trial.name, "phase": trial.phase, "absence": trial.absence, "truth": trial.found and vars(trial.found)}
    write(name, known | more)


def measure(number, scenario, phase, runtime, tally):
    """One run, judged; whether it holds. What could not be measured does not."""
    spec, name = SCENARIOS[scenario], f"{number:02}-{scenario.replace(' ', '-')}"
    for attempt in range(ATTEMPTS):
        cluster.quiet(needs(spec), spec.alert)
        cluster.operator(spec.polling, spec.webhook)
        trial = Trial(f"r{number}-{attempt}", spec, phase, runtime, AUDIT)
        try:
            status, case, old = one(trial)
        except Exception as error:
            anew = isinstance(error, truth.Missed) and attempt + 1 < ATTEMPTS
            print(f"{number:4} {scenario:14} {'begun anew' if anew else 'NOT MEASURED'}: {error}", flush=True)
            keep(f"{name}-not-measured-{attempt}", trial, error=traceback.format_exc(), status=trial.status())
            cluster.recover(trial.name)
            if not anew:
                return False
        else:
            failed = failures(case)
            table(number, scenario, case, failed)
            count(case, old, tally)
            keep(name, trial, held=not failed, failed=failed, case=vars(case), status=status)
            return not failed
        finally:
            trial.audit.close()


def main():
    runs = [CHOSEN[number % len(CHOSEN)] for number in range(RUNS)]
    cluster.targets(sorted({app for name in runs for app in needs(SCENARIOS[name])}))
    cluster.rules(MON)
    os.makedirs(EVIDENCE, exist_ok=True)
    rng, runtime, tally = random.Random(SEED), truth.Runtime(SOCKETS), {}
    # What these runs can show must be shown at least once.
    expected = {"shifted", *(kind for name in runs for kind in SCENARIOS[name].plants)}
    print(f"{'run':>4} {'scenario':14} {'':14} {'reported':>19} {'true':>19} {'width/most':>14}")
    held = [measure(number, name, rng.uniform(0, 3), runtime, tally) for number, name in enumerate(runs)]
    runtime.close()
    print(f"accuracy: seed {SEED}, the truth lies within the reported bounds in {sum(held)} of {RUNS}; planted and caught:")
    for kind in [kind for kind in KINDS if kind in expected]:
        caught, of = tally.get(kind, (0, 0))
        print(f"  {caught}/{of}  {KINDS[kind]}")
    caught = all(kind in tally and tally[kind][0] == tally[kind][1] for kind in expected)
    write("summary", {"seed": SEED, "runs": runs, "held": held, "planted": tally})
    return 0 if all(held) and caught else 1


sys.exit(main())
