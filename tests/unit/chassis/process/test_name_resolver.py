"""Names: a process on eventlet looks each one up when it is needed, and does other work meanwhile."""

import subprocess
import sys

LOOK_UP_TWICE = """
import socket
from time import sleep  # the real one

answers = iter(["192.0.2.1", "192.0.2.2"])


def look_up(host, port, *_, **__):
    sleep(0.5)
    if host == "nobody":
        raise OSError("there is no such name")
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]


socket.getaddrinfo = look_up
from services.chassis.process import serve  # it patches the standard library
import eventlet

turns = 0


def turn():
    global turns
    while True:
        turns += 1
        eventlet.sleep(0.01)


eventlet.spawn_n(turn)
for _ in range(2):
    print(socket.getaddrinfo("rabbitmq", 5672)[0][4][0])
print("turns" if turns > 20 else "none")
turns = 0
try:
    socket.create_connection(("nobody", 5672))
except OSError as error:
    print("turns" if turns > 20 else "none")
"""


def look_ups(before: str = "") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", before + LOOK_UP_TWICE], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_name_is_looked_up_anew_each_time_while_green_threads_run() -> None:
    assert look_ups() == ["192.0.2.1", "192.0.2.2", "turns", "turns"]


def test_control_without_a_thread_nothing_runs_meanwhile() -> None:
    without = "from services.chassis.process import name_resolver; name_resolver.install = lambda: None"
    assert look_ups(without + "\n") == ["192.0.2.1", "192.0.2.2", "none", "none"]
