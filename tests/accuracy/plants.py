"""The old ways of being wrong, planted into what a run says: each must be judged not to hold, wherever the
truth of that run can tell it from what is right."""
from dataclasses import replace

from judge import contains, failures

KINDS = {
    "shifted": "everything shifted by two seconds",
    "receipt": "a receipt sold as the firing",
    "return": "the operator's return sold as the recovery",
    "not back": "what came back while nobody looked told as not back",
    "reaper": "the operator's return sold as the revert that the reaper made",
    "by itself": "what the reaper ended told as back by itself",
    "lucky": "the first good sample's end sold as the end of the impact",
    "read-back": "the read-back sold as the revert",
    "none": "a late recovery told as none",
    "hanging": "a run that waits for ever",
}


def tells(case, reported):
    """Whether the truth rules one of these bounds out."""
    return any(case.true[name] and not (bounds and contains(bounds, case.true[name])) for name, bounds in reported.items())


def planted(case, old):
    """What each of the `old` ways would have said in this run: (kind, case). Each is new bounds and new words."""
    # What is wider than two seconds may hold the truth even then.
    shifted = {name: (bounds[0] + 2, bounds[1] + 2) for name, bounds in case.reported.items() if bounds and case.true[name]}
    for kind, (reported, said) in {"shifted": (shifted, {}), **old}.items():
        if said or tells(case, reported):
            yield kind, replace(case, reported={**case.reported, **reported}, said={**case.said, **said})


def count(case, old, tally):
    """Adds to the tally, by kind: how many of them are caught, of how many."""
    for kind, plant in planted(case, old):
        caught, of = tally.get(kind, (0, 0))
        tally[kind] = caught + bool(failures(plant)), of + 1
