"""What somebody does to the port who has no token, from another address; prints what became of it as JSON.

usage: stranger.py bodies|connections HOST PORT
"""
import collections
import json
import resource
import selectors
import socket
import sys
import time

WHAT, HOST, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
# Seconds until every connection is to be closed. A while before, what is open still is asked whether anybody knows of it:
# where more come at once than a queue holds, a connection may be there for the client alone, who waits in vain for its end.
PATIENCE, ASKED = 45, 35
SIZE = 4 << 20
HEAD = f"POST /v1/alertmanager HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"


def opened():
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex((HOST, PORT))
    return one


def attack(payloads):
    """Sends to a connection each what it is to get, and waits until all of them are answered or closed: codes and counts."""
    selector, answers, closed, began = selectors.DefaultSelector(), collections.Counter(), 0, time.time()
    for payload in payloads:
        selector.register(opened(), selectors.EVENT_READ | selectors.EVENT_WRITE, [payload])
    silent = True
    while selector.get_map() and time.time() < began + PATIENCE:
        if silent and time.time() > began + ASKED:
            silent = False
            for key in list(selector.get_map().values()):
                selector.modify(key.fileobj, selectors.EVENT_READ | selectors.EVENT_WRITE, [memory("x")])
        for key, events in selector.select(0.5):
            one, rest = key.fileobj, key.data
            try:
                if events & selectors.EVENT_READ:
                    said = one.recv(4096)
                    if said.startswith(b"HTTP/"):
                        answers[said.split()[1].decode()] += 1
                    else:
                        closed += 1
                    selector.unregister(one)
                    one.close()
                    continue
                rest[0] = rest[0][one.send(rest[0][:65536]):] if rest[0] else rest[0]
                if not rest[0]:
                    selector.modify(one, selectors.EVENT_READ, rest)
            except BlockingIOError:
                continue
            except OSError:
                closed += 1
                selector.unregister(one)
                one.close()
    return answers, closed, len(selector.get_map())


def memory(text):
    return memoryview(text.encode())


ENDLESS = memory(f"{HEAD}Content-Length: {SIZE}\r\n\r\n{{")
WHOLE = memory(f"{HEAD}Content-Length: {SIZE}\r\n\r\n" + " " * SIZE)
ROUNDS = {"bodies": [[WHOLE] * 300] * 5, "connections": [[memory(HEAD)] * 5000 + [ENDLESS] * 200 + [memory("")] * 3000]}[WHAT]
resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, 20_000))
START = time.time()
ALL = [attack(payloads) for payloads in ROUNDS]
print(json.dumps({
    "made": sum(map(len, ROUNDS)), "answers": sum((answers for answers, _, _ in ALL), collections.Counter()),
    "closed": sum(closed for _, closed, _ in ALL), "open": sum(still for _, _, still in ALL), "seconds": time.time() - START}))
