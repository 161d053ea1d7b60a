"""Lives through debriefs on a real API server, with production's operator whose calendar is ahead: around both changes of
the clocks in Berlin and New York, over weekends, and with the operator away where something falls due. What people are told
is counted at a real HTTP receiver; when it must come is reckoned by Python's zoneinfo.

usage: life.py OPERATOR EVIDENCE      OPERATOR: the program tests/ahead/operator.rs
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from chat import listen, told
from windows import next_hours, window

OPERATOR, EVIDENCE = sys.argv[1:3]
KUBECONFIG = os.environ["STATE"] + "/pki/firedrill-operator.kubeconfig"
# Fridays at 23:00 before each change of a clock.
FRIDAYS = [("Europe/Berlin", "2027-03-26"), ("America/New_York", "2027-03-12"), ("Europe/Berlin", "2027-10-29"), ("America/New_York", "2027-11-05")]
BEFORE, AFTER = timedelta(seconds=8), timedelta(seconds=8)  # the operator starts and ends so far from what must fall due
SETTLES = timedelta(seconds=10)  # what is due at the start was told by then
LATE = timedelta(seconds=5)  # so late may what falls due in a running operator be told
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

def kubectl(*args, body=None):
    return subprocess.run(["kubectl", *args], input=body, capture_output=True, text=True, check=True).stdout


def stamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def first_work(at, zone):
    """The first instant from `at` on at which people work."""
    return max(at, next_hours(at, zone)[0])


class Life:
    """One debrief in a namespace of its own."""

    def __init__(self, number, zone, friday):
        self.namespace, self.zone = f"life-{number}", ZoneInfo(zone)
        self.resolved = datetime.fromisoformat(f"{friday}T23:00").replace(tzinfo=self.zone).astimezone(timezone.utc)
        self.lines, self.name = [], "incident"
        kubectl("create", "namespace", self.namespace)
        kubectl("label", "namespace", self.namespace, "firedrill-life=yes")
        began = self.resolved - timedelta(minutes=20)
        self.write("create", "-f", "-", body={
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "Debrief", "metadata": {"name": self.name},
            "spec": {
                "title": "The checkout was down", "severity": "Moderate", "source": {"kind": "Incident"},
                "incident": {"startedAt": stamp(began), "noticedBy": "Team", "noticedAt": stamp(began + timedelta(minutes=2))},
                "resolvedAt": stamp(self.resolved), "policy": {"timeZone": zone},
                "actionItems": [{"id": "a1", "title": "Page sooner", "type": "Detect", "horizon": "Immediate", "ownerTeam": f"team-{number}",
                                 "dueAt": stamp(self.resolved + 300 * DAY)}]}})

    def write(self, *args, body=None):
        kubectl("-n", self.namespace, *args, body=body and json.dumps(body))

    def patch(self, spec):
        self.write("patch", "debrief", self.name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def status(self):
        return json.loads(kubectl("-n", self.namespace, "get", "debrief", self.name, "-o", "json")).get("status", {})

    def live(self, starts, ends):
        """An operator for which it is so late; what people are told meanwhile, and when, by its clock."""
        told.clear()
        ahead = starts.timestamp() - time.time()
        process = subprocess.Popen([OPERATOR, "--kubeconfig", KUBECONFIG, "--config", config, "--ahead", f"{round(1000 * ahead)}ms"], stderr=log)
        try:
            time.sleep((ends - starts).total_seconds())
            assert process.poll() is None, "the operator ended"
        finally:
            process.kill()
            process.wait()
        return [(datetime.fromtimestamp(at + ahead, timezone.utc), said) for at, said in told]

    def check(self, what, at, heard, kind, text):
        """That one message of that kind with that text was heard at that instant; of one that was due before: at all."""
        right = [said for _, said in heard if said["what"] == kind and text in said["text"]]
        in_time = at is None or all(at <= when <= at + LATE for when, _ in heard)
        self.note(what, len(right) == 1 and len(heard) == 1 and in_time, [f"{stamp(when)} {said['text'][:200]}" for when, said in heard])

    def note(self, what, held, seen):
        self.lines.append((what, held))
        print(f"  {'held    ' if held else 'NOT HELD'}  {self.zone.key:18} {what}{'' if held else f': {seen}'}", flush=True)

    def falls_due(self, what, at, text):
        """It falls due while the operator runs."""
        self.check(f"{what}, {at.astimezone(self.zone):%a %d %b %H:%M}", at, self.live(at - BEFORE, at + AFTER), "Reminder", text)

    def was_due(self, what, at, text):
        """It fell due while the operator was away; told once, and not again by the next one on that day."""
        back = at + 2 * HOUR
        self.check(f"{what}, the operator was away", None, self.live(back, back + SETTLES), "Reminder", text)
        self.note(f"{what}, not again that day", (heard := self.live(back + HOUR, back + HOUR + SETTLES)) == [], heard)

    def through(self):
        opened = self.resolved + timedelta(minutes=5)
        self.check("opened", None, self.live(opened, opened + SETTLES), "Opened", "The checkout was down")
        first, last = window(self.resolved, self.zone, True)
        seen = [datetime.fromisoformat(self.status()["window"][edge]) for edge in ("notBefore", "notAfter")]
        self.note(f"the window is {first.astimezone(self.zone):%a %H:%M} to {last.astimezone(self.zone):%a %H:%M}", seen == [first, last], seen)
        self.falls_due("to meet", first_work(max(first - DAY, opened + 12 * HOUR), self.zone), "meet between")
        overdue = next_hours(first_work(last + HOUR, self.zone) + DAY, self.zone)[0]
        self.was_due("the meeting is overdue", overdue, "the meeting is overdue")
        held = overdue + 4 * HOUR
        self.patch({"impact": {"none": True}, "meeting": {"heldAt": stamp(held)}})
        checkpoint = first_work(held + 14 * DAY - 12 * HOUR, self.zone)
        self.falls_due("checkpoint after 14 days", checkpoint, "hold a checkpoint")
        self.patch({"checkpoints": [{"heldAt": stamp(checkpoint + HOUR)}]})
        again = first_work(checkpoint + HOUR + 14 * DAY - 12 * HOUR, self.zone)
        self.was_due("checkpoint after 14 days more", again, "hold a checkpoint")
        morning = next_hours(again + 80 * DAY, self.zone)[0]
        review = morning + 7 * DAY - HOUR
        self.patch({"acceptedRisk": {"reason": "The vendor mends it by then, as promised.", "reviewAt": stamp(review)}})
        self.live(again + 5 * HOUR, again + 5 * HOUR + SETTLES)
        self.note("the risk is accepted", (stage := self.status()["stage"]) == "ClosedUnverified", stage)
        self.falls_due("a week before its review", morning, "review the accepted risk")
        self.live(review - BEFORE, review + AFTER)
        self.note("at its review it is open again", (stage := self.status()["stage"]) == "Acting", stage)
        return self.lines


log = open(os.environ["STATE"] + "/log/life.log", "w", encoding="utf-8")
with tempfile.TemporaryDirectory() as folder:
    config = f"{folder}/config.yaml"
    with open(config, "w", encoding="utf-8") as out:
        json.dump({"chat": {"urlFile": listen(folder)}}, out)
    lines = []
    for number, (zone, friday) in enumerate(FRIDAYS):
        life = Life(number, zone, friday)
        try:
            lines += life.through()
        finally:
            # The next one's operators must not hear of it.
            kubectl("-n", life.namespace, "delete", "debriefs", "--all")
            kubectl("delete", "namespace", life.namespace, "--wait=false")
held = sum(ok for _, ok in lines)
with open(EVIDENCE, "w", encoding="utf-8") as out:
    json.dump({"lives": len(FRIDAYS), "checks": len(lines), "checksHeld": held}, out)
print(f"lives of debriefs: {held} of {len(lines)} as Python's zoneinfo has them, over {len(FRIDAYS)} changes of a clock")
sys.exit(0 if held == len(lines) else 1)
