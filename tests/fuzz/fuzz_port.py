"""Sends requests of every shape to the operator's port while runs are under way, and prints what was answered.

usage: fuzz_port.py EVIDENCE REQUESTS SEED     (inside the cluster's network, with tests/neighbours on the path)
"""
import collections
import datetime
import gzip
import itertools
import json
import random
import socket
import struct
import sys
import threading
import time

import port
from cluster import kubectl
from ground import QUIET, broken_after, opened, stands
from pods import Pod

EVIDENCE, REQUESTS, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
# Fewer than one peer may have, so that there is room for who asks beside them.
WORKERS = 16
# How long an answer is waited for; where the request itself says that more is to come, hardly.
PATIENCE, IMPATIENCE = 20, 0.02
TOKEN = port.token().encode()
METHODS = [b"POST"] * 12 + [b"GET", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"TRACE", b"post", b"", b"\x16\x03\x01", b"PRI"]
PATHS = [b"/v1/alertmanager"] * 12 + [b"/metrics", b"/metrics", b"/", b"", b"*", b"//v1/alertmanager", b"/v1/alertmanager/../../etc",
                                     b"/v1/%61lertmanager", b"/%00", b"/v1/alertmanager?" + b"a" * 9_000, b"http://other/v1/alertmanager", b"/\xff\xfe"]
VERSIONS = [b"HTTP/1.1"] * 12 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b""]
BEARERS = [b"Bearer " + TOKEN] * 12 + [b"Bearer", b"Bearer x", b"Basic " + TOKEN, b"bearer " + TOKEN, b"Bearer " + TOKEN + b"x", b"Bearer " + b"\xff" * 99,
                                       b"Bearer " + TOKEN[:-1]]
HEADERS = [b"Content-Type: application/json", b"Content-Type: \xff/\x80", b"Expect: 100-continue", b"Accept-Encoding: gzip", b"Content-Encoding: br",
           b"Connection: keep-alive", b"Connection: upgrade\r\nUpgrade: websocket", b"X: " + b"y" * 5_000, b"X: " + b"y" * 40_000, b"x" * 300 + b": y", b": y",
           b"No colon", b" folded: y", b"X\x00: y", b"X: \x00\x01\x7f", b"Host: a\r\nHost: b", b"Transfer-Encoding: gzip, chunked",
           b"\r\n".join(b"X%d: y" % number for number in range(150))]


def notification(dice):
    """A notification, often one that concerns a run, and often with something wrong in it."""
    names = ["None", "Other", "", "\u202e", "x" * dice.choice([1, 9_000])]
    now = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
    alerts = [port.alert(dice.choice(names), dice.choice([QUIET, "other", "", "\x00"]), now) for _ in range(dice.choice([0, 1, 2, 9]))]
    for one in alerts:
        one["annotations"] = {"note": dice.choice(["", "\ud83d", "{}", "\\"])}
        if dice.random() < 0.2:
            one[dice.choice(sorted(one))] = dice.choice([None, 1, -1e308, [], {}, "", "0001-01-01T00:00:00Z", {"a": {"b": []}}])
    whole = {"version": dice.choice(["4"] * 9 + ["5", 4, None]), "status": "firing", "alerts": alerts}
    if dice.random() < 0.1:
        whole[dice.choice(["version", "alerts", "status", "more"])] = dice.choice([None, 1, [], [[]], {}, [{}], "x"])
    return json.dumps(whole).encode()


def body(dice):
    kind = dice.random()
    if kind < 0.02:
        return dice.choice([b"[" * 50_000, b'{"alerts":' * 20_000, b'{"version":"4","alerts":[' + b"{}," * 20_000, b"\xff" * 70_000, b'"' + b"\\u" * 9_000])
    if kind < 0.022:
        return b" " * (5 << 20)
    whole = notification(dice)
    if kind < 0.5:
        return whole
    changed = bytearray(whole)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(changed))
        changed[at:at + dice.randint(0, 3)] = dice.choice([b"", b"\xff", b"\x00", b'"', b"{", b"]", b"1e999", b"\\ud800", b"\xed\xa0\x80", bytes(changed[:50])])
    return bytes(changed)


def framed(dice, content):
    """How the length of a body is told, what is sent, and whether that is less than was told."""
    kind, length = dice.random(), len(content)
    if kind < 0.75:
        return [b"Content-Length: %d" % length], content, False
    if kind < 0.85:
        cut = dice.randint(0, length)
        parts = [part for part in (content[:cut], content[cut:]) if part]
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
        end = dice.choice([b"0\r\n\r\n"] * 4 + [b"0\r\nX: y\r\n\r\n", b"-1\r\n\r\n", b"fffffffffffffffff\r\n", b"0;x=" + b"y" * 9_000 + b"\r\n\r\n", b""])
        return [b"Transfer-Encoding: chunked"], chunks + end, end == b""
    told = dice.choice([b"-1", b"99999999999999999999", b"0", b"+3", b"0x10", b"3, 3", b"", b"%d\r\nContent-Length: 0" % length, b"%d" % (length + 9)])
    return [b"Content-Length: " + told], content, True


def request(dice):
    """The bytes of a request, whether it shows the token, and whether its answer is waited for."""
    content, unfinished = body(dice), False
    encoding = []
    if dice.random() < 0.03:
        content, encoding = gzip.compress(content), [b"Content-Encoding: gzip"]
    bearer = dice.choice(BEARERS)
    headers = [b"Host: firedrill"] * (dice.random() < 0.95) + [b"Authorization: " + bearer] * (dice.random() < 0.9) + encoding
    headers += dice.sample(HEADERS, dice.choice([0, 0, 1, 2]))
    if dice.random() < 0.95:
        lengths, content, unfinished = framed(dice, content)
        headers += lengths
    dice.shuffle(headers)
    line = b" ".join([dice.choice(METHODS), dice.choice(PATHS), dice.choice(VERSIONS)])
    break_ = dice.choice([b"\r\n"] * 20 + [b"\n", b"\r"])
    whole = break_.join([line, *headers]) + break_ * 2 + content
    if dice.random() < 0.03:
        whole, unfinished = whole[:dice.randrange(len(whole))], True
    return whole, b"Authorization: Bearer " + TOKEN in headers, unfinished or break_ == b"\r"


def answer(dice, whole, unfinished):
    """What the port answers: the status, or how the connection ended."""
    with socket.create_connection(port.PORT, timeout=PATIENCE) as connection:
        try:
            if dice.random() < 0.1:
                cut = dice.randint(0, len(whole))
                connection.sendall(whole[:cut])
                time.sleep(0.002)
                connection.sendall(whole[cut:])
            else:
                connection.sendall(whole)
            if dice.random() < 0.03:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return "left"
            if dice.random() < 0.05:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # It has heard enough; what it said is still to be read.
        connection.settimeout(IMPATIENCE if unfinished else PATIENCE)
        said = b""
        try:
            while len(said) < 12 and (part := connection.recv(4096)):
                said += part
        except TimeoutError:
            return "left" if unfinished else "silent"
        except OSError:
            return said[9:12].decode("latin1") or "reset"
        return said[9:12].decode("latin1") if said else "closed"


def notified():
    """What a well-behaved sender is answered, who tries again as Alertmanager does."""
    for _ in range(20):
        if (said := port.notify(port.notification([], QUIET))) != 503:
            break
        time.sleep(0.2)
    return said


class Campaign:
    def __init__(self):
        self.numbers, self.lock = itertools.count(), threading.Lock()
        self.answers, self.wrong, self.asked = collections.Counter(), [], 0

    def work(self):
        while (number := next(self.numbers)) < REQUESTS:
            dice = random.Random(SEED + number)
            whole, shows_token, unfinished = request(dice)
            said = answer(dice, whole, unfinished)
            # A server error but 503 and 501 is a panic; what is told 200 has shown the token; everybody is answered.
            is_wrong = said in ("500", "silent") or said == "200" and not shows_token
            beside = notified() if number % 500 == 0 else 200
            with self.lock:
                self.answers[said] += 1
                self.asked += number % 500 == 0
                if is_wrong or beside != 200:
                    self.wrong.append(f"seed {SEED + number}: {said}, beside it {beside}: {whole[:400]!r}")


def runs_meanwhile(over):
    """Runs one after another until it is over: how many were begun, and how many are complete."""
    begun = complete = 0
    while not over.is_set():
        begun += 1
        try:
            broken_after()
            complete += 1
        except TimeoutError as late:
            print(late, flush=True)
    return begun, complete


opened(QUIET)
stands(QUIET, "web")
operator, campaign, over, told = Pod("operator", "firedrill-system"), Campaign(), threading.Event(), []
runs = threading.Thread(target=lambda: told.append(runs_meanwhile(over)))
workers = [threading.Thread(target=campaign.work) for _ in range(WORKERS)]
began = time.time()
for thread in [runs, *workers]:
    thread.start()
for worker in workers:
    worker.join()
took = time.time() - began
over.set()
runs.join()
(begun, complete), = told
peak = operator.peak()
log = kubectl("-n", operator.namespace, "logs", "deployment/firedrill-operator", "--tail=-1")
panics = log.count("panicked") + campaign.answers["500"]
print(f"seed {SEED}")
for said, count in campaign.answers.most_common():
    print(f"  {count:>8}  {said}")
for wrong in campaign.wrong[:10]:
    print(wrong)
holds = not (campaign.wrong or panics or operator.has_restarted()) and peak < operator.limit and 0 < begun == complete
with open(EVIDENCE, "w", encoding="utf-8") as file:
    json.dump({"seed": SEED, "requests": REQUESTS, "seconds": round(took, 1), "answers": campaign.answers, "panics": panics, "wrong": campaign.wrong,
               "peak_mib": round(peak, 1), "limit_mib": operator.limit, "restarted": operator.has_restarted(), "runs": begun, "complete": complete,
               "holds": holds}, file, indent=1)
print(f"fuzz-port: {REQUESTS} requests in {took:.0f} s, {panics} panics, {len(campaign.wrong)} wrong answers, {campaign.asked} asked beside them, "
      f"peak {peak:.0f} of {operator.limit} MiB, {complete} of {begun} runs complete")
sys.exit(not holds)
