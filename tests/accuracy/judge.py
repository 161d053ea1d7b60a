"""Holds what a run says against the truth, and how wide what it says may be.

Bounds hold the truth where they overlap it, as the truth itself is known within bounds. They may be as
wide as what the run could see makes them, and no wider:

  detection   one evaluation of the rule: one evaluation earlier it was not firing
  mitigated   from the start of the last failed sample to the next one it takes at most interval + timeout,
              the good one's answer at most a timeout, and as one sample can be lucky where several pods
              answer, the next one decides: interval + timeout again
  restored    from the whole second that the kubelet writes down to its report, which the audit log shows
  recovered   the later of both, bound by bound, so no wider than the wider one
  reverted    from the request received to its answer, as the audit log shows; where the operator was away, the
              second that the API server wrote on the object
  recovery    recovered, and what it is counted from
  an absence  the operator knows what it saw before it went, which is the impact's start at the least, and
              then its first sample after the return

Each has MARGIN more for answers on their way.
"""
from dataclasses import dataclass, field

INTERVAL, TIMEOUT, EVALUATION, MARGIN = 0.2, 0.2, 1.0, 0.1
PROBE = (INTERVAL + TIMEOUT) + TIMEOUT + (INTERVAL + TIMEOUT)
# Alert sources are asked once a second, guards are looked at again after a second, by reads that are at
# most a second old.
START = 1.0 + 1.0 + 1.0
SECOND = 1.0
SLACK = 0.001


@dataclass(frozen=True)
class Case:
    """Bounds by name in seconds (absent: None), and words by name: one of `wanted`, and none of `unwanted` in it."""
    reported: dict
    true: dict
    most: dict
    said: dict = field(default_factory=dict)
    wanted: dict = field(default_factory=dict)
    unwanted: dict = field(default_factory=dict)


def width(bounds):
    return bounds[1] - bounds[0]


def contains(bounds, true):
    """Whether the reported bounds can hold the truth, which is itself known within bounds."""
    return bounds[0] <= true[1] + SLACK and bounds[1] >= true[0] - SLACK


def misses(bounds, true):
    return not contains(bounds, true)


def is_held(case, name):
    reported, true = case.reported.get(name), case.true[name]
    if reported is None or true is None:
        return reported is None and true is None
    return contains(reported, true) and width(reported) <= case.most[name] + SLACK


def failures(case):
    """The names of what does not hold."""
    failed = [name for name in case.true if not is_held(case, name)]
    failed += [name for name, words in case.wanted.items() if case.said.get(name) not in words]
    for name, words in case.unwanted.items():
        if any(word in str(case.said.get(name)) for word in words) and name not in failed:
            failed.append(name)
    return failed
