"""What somebody does to the port who has no token, from another address; prints what became of it as JSON.

usage: stranger.py bodies|connections SECONDS HOST PORT
"""
import json
import resource
import selectors
import socket
import sys
import time

WHAT, SECONDS, HOST, PORT = sys.argv[1], float(sys.argv[2]), sys.argv[3], int(sys.argv[4])
HEAD = f"POST /v1/alertmanager HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
SIZE = 4 << 20


def opened():
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex((HOST, PORT))
    return one


def attack(wanted):
    """Sends to each connection what it is to get; whatever answers, or ends, is counted and closed."""
    selector, answers, closed = selectors.DefaultSelector(), {}, 0
    for payload in wanted:
        selector.register(opened(), selectors.EVENT_READ | selectors.EVENT_WRITE, [payload])
    end = time.time() + SECONDS
    while time.time() < end and selector.get_map():
        for key, events in selector.select(0.5):
            one, rest = key.fileobj, key.data
            try:
                if events & selectors.EVENT_READ:
                    said = one.recv(4096)
                    if said.startswith(b"HTTP/"):
                        code = said.split()[1].decode()
                        answers[code] = answers.get(code, 0) + 1
                    else:
                        closed += 1
                    selector.unregister(one)
                    one.close()
                    continue
                sent = one.send(rest[0][:65536]) if rest[0] else 0
                rest[0] = rest[0][sent:]
                if not rest[0]:
                    selector.modify(one, selectors.EVENT_READ, rest)
            except BlockingIOError:
                continue
            except OSError:
                closed += 1
                selector.unregister(one)
                one.close()
    return {"made": len(wanted), "answers": answers, "closed": closed, "open": len(selector.get_map())}


resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, 20_000))
WHOLE = memoryview(f"{HEAD}Content-Length: {SIZE}\r\n\r\n".encode() + b" " * SIZE)
ENDLESS = memoryview(f"{HEAD}Content-Length: {SIZE}\r\n\r\n{{".encode())
HALF, SILENT = memoryview(HEAD.encode()), memoryview(b"")
print(json.dumps(attack([WHOLE] * 300 if WHAT == "bodies" else [HALF] * 5000 + [ENDLESS] * 200 + [SILENT] * 3000)))
