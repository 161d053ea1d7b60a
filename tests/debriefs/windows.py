"""Meetings of debriefs by Python's own zoneinfo: for each zone, resolutions around both changes of its clock, weekends and
closed days, and at random. Prints one JSON object per line: the zone, what happened, and the window that is expected.

usage: windows.py CASES SEED
"""

import json
import random
import sys
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Europe/London", "Australia/Sydney", "Asia/Kolkata", "America/Sao_Paulo"]
OPENS, CLOSES = time(9), time(18)
CLOSED = (date(2026, 12, 24), date(2027, 1, 3))
# The weeks in which clocks are changed in Berlin, New York, London and Sydney.
CHANGES = ["2026-10-25", "2026-11-01", "2027-03-14", "2027-03-28", "2027-04-04", "2026-10-04"]


def works(day):
    return day.weekday() < 5 and not CLOSED[0] <= day <= CLOSED[1]


def next_hours(at, zone):
    """The working hours that `at` lies in, or the next ones."""
    day = at.astimezone(zone).date()
    while True:
        opens, closes = (datetime.combine(day, edge, zone).astimezone(timezone.utc) for edge in (OPENS, CLOSES))
        if works(day) and at < closes:
            return opens, closes
        day += timedelta(days=1)


def is_dark(at, zone):
    hour = at.astimezone(zone).hour
    return hour >= 22 or hour < 7


def window(resolved, zone, by_hand):
    late = timedelta(hours=8) if by_hand and is_dark(resolved, zone) else timedelta()
    first, last = resolved + timedelta(hours=24) + late, resolved + timedelta(hours=72) + late
    opens, _ = next_hours(first, zone)
    starts, ends = next_hours(last, zone)
    return max(opens, first), last if starts <= last else ends


def main(cases, seed):
    chance = random.Random(seed)
    for case in range(cases):
        name = ZONES[case % len(ZONES)]
        if case % 2:
            start = datetime.fromisoformat(chance.choice(CHANGES)).replace(tzinfo=timezone.utc) - timedelta(days=4)
            resolved = start + timedelta(minutes=chance.randrange(6 * 24 * 60))
        else:
            start = datetime(2026, 9, 1, tzinfo=timezone.utc)
            resolved = start + timedelta(minutes=chance.randrange(300 * 24 * 60))
        by_hand = chance.random() < 0.5
        first, last = window(resolved, ZoneInfo(name), by_hand)
        instants = [at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in (resolved, first, last)]
        print(json.dumps({"zone": name, "byHand": by_hand, "resolved": instants[0], "from": instants[1], "to": instants[2]}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
