#!/usr/bin/env python3
"""Compares what firedrill's accounts may do with what they did, by the audit log of all suites.

Every right of the operator, the reaper, the runner and the starter must have been used, and no call may
have been refused for want of a right where nobody had taken it away.

usage: rights.py AUDIT_LOG   (kubectl on the PATH)
"""

import collections
import json
import subprocess
import sys

ACCOUNTS = {
    "system:serviceaccount:firedrill-system:firedrill-operator": "operator",
    "system:serviceaccount:firedrill-reaper:firedrill-reaper": "reaper",
}
ROLES = {
    "operator": [("clusterrole", "firedrill-operator", ""), ("role", "firedrill-operator", "firedrill-system")],
    "reaper": [("clusterrole", "firedrill-reaper", ""), ("role", "firedrill-reaper", "firedrill-reaper")],
}
# The ServiceAccounts of an enabled namespace as which the operator acts.
ACTED_AS = ["runner", "starter"]


def kubectl(*args):
    return json.loads(subprocess.run(["kubectl", *args, "-o", "json"], check=True, capture_output=True, text=True).stdout)


def documents(text):
    """The JSON documents of `text`, which follow each other."""
    decoder, found = json.JSONDecoder(), []
    while text := text.strip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def rights_of(rules):
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def granted():
    """What each account may do, by its roles; of those acted as, by the grants of `firedrill enable --scheduled`."""
    rights = {
        account: set().union(
            *(rights_of(kubectl("get", kind, name, *(["-n", namespace] if namespace else []))["rules"]) for kind, name, namespace in roles)
        )
        for account, roles in ROLES.items()
    }
    shown = subprocess.run(["firedrill", "enable", "default", "--scheduled", "-o", "yaml"], check=True, capture_output=True, text=True).stdout
    listed = ["kubectl", "create", "--dry-run=client", "-f", "-", "-o", "json"]
    grants = documents(subprocess.run(listed, input=shown, check=True, capture_output=True, text=True).stdout)
    for account in ACTED_AS:
        roles = [item for item in grants if item["kind"] == "Role" and item["metadata"]["name"] == f"firedrill-{account}"]
        rights[account] = set().union(*(rights_of(role["rules"]) for role in roles))
    return rights


def done(path):
    """Each account's calls, with how often each was answered and refused; by firedrill itself."""
    calls = collections.defaultdict(collections.Counter)
    with open(path, encoding="utf-8") as log:
        for line in log:
            if '"userAgent":"firedrill/' not in line:
                continue
            event = json.loads(line)
            account = ACCOUNTS.get(event["user"]["username"])
            if account is None or "objectRef" not in event:
                continue
            acted_as = event.get("impersonatedUser", {}).get("username", "").rpartition(":firedrill-")[2]
            if acted_as in ACTED_AS:
                account = acted_as
            of = event["objectRef"]
            resource = of["resource"] + ("/" + of["subresource"] if "subresource" in of else "")
            decision = event.get("annotations", {}).get("authorization.k8s.io/decision", "forbid")
            verbs = [event["verb"]]
            # An apply that made the object needed the right to create it too.
            if event["verb"] == "patch" and event["responseStatus"].get("code") == 201:
                verbs.append("create")
            for verb in verbs:
                calls[account][of.get("apiGroup", ""), resource, verb, decision] += 1
    return calls


def main():
    rights, calls = granted(), done(sys.argv[1])
    acted_as = set().union(*(rights[account] for account in ACTED_AS))
    wrong = []
    for account, may in rights.items():
        did = {call[:3] for call in calls[account] if call[3] == "allow"}
        # Where nobody may be acted as, the call is refused as the operator's own.
        refused = {call[:3] for call in calls[account] if call[3] != "allow"} - may - acted_as
        print(f"  {account:9} {sum(calls[account].values()):7} calls of {len(did):3} kinds, {len(may):3} rights")
        wrong += [f"{account}: right never used: {verb} {resource} ({group or 'core'})" for group, resource, verb in sorted(may - did)]
        wrong += [f"{account}: call without a right: {verb} {resource} ({group or 'core'})" for group, resource, verb in sorted(refused)]
    for problem in wrong:
        print(f"  ✗ {problem}")
    total = sum(map(len, rights.values()))
    unused = sum("never used" in problem for problem in wrong)
    print(f"rights: {total - unused}/{total} were used, {len(wrong) - unused} calls lacked one")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
