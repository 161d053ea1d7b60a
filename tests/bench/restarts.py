"""How soon an operator works: after its start, and after a SIGKILL. Both end with its next write in the
audit log, for a run that nobody had taken up."""
import signal
import time

TIMES = 10


def measure(start, create, first_write):
    """`start()` gives a process, `create(name)` a run, `first_write(name)` its instant or None."""
    starts, kills = [], []
    for index in range(TIMES):
        name = f"start{index}"
        create(name)
        began = time.time()
        operator = start()
        starts.append(wait(first_write, name) - began)
        name = f"kill{index}"
        killed = time.time()
        operator.send_signal(signal.SIGKILL)
        operator.wait()
        again = start()
        create(name)
        kills.append(wait(first_write, name) - killed)
        again.send_signal(signal.SIGKILL)
        again.wait()
    return starts, kills


def wait(first_write, name):
    end = time.time() + 20
    while time.time() < end:
        at = first_write(name)
        if at:
            return at
        time.sleep(0.05)
    raise SystemExit(f"no operator wrote anything for run {name} within 20 s")
