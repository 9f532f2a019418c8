"""Names: a process on eventlet looks each one up when it is needed."""

import subprocess
import sys

LOOK_UP_THRICE = """
from services.chassis.process import serve  # isort: skip  it patches the standard library
import socket
import dns.flags, dns.message, dns.rcode, dns.rrset
import eventlet
from eventlet.support import greendns

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
there = False


def answer():
    while True:
        query, client = server.recvfrom(2000)
        response = dns.message.make_response(dns.message.from_wire(query))
        name, kind = response.question[0].name, response.question[0].rdtype
        if not there:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif kind == 1:
            response.answer.append(dns.rrset.from_text(name, 600, "IN", "A", there))
        server.sendto(response.to_wire(), client)


def look_up():
    try:
        return socket.getaddrinfo("rabbitmq", 5672, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
    except socket.gaierror:
        return "unknown"


eventlet.spawn_n(answer)
resolver = greendns.resolver._resolver
resolver.nameservers, resolver.port, resolver.search = ["127.0.0.1"], server.getsockname()[1], []
for there in (None, "192.0.2.1", "192.0.2.2"):
    print(look_up())
"""
"""It asks a name server that does not know the name at first, then two addresses, one after the other."""


def look_ups(before: str = "") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", before + LOOK_UP_THRICE], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_container_that_comes_back_under_another_address_is_found_at_once() -> None:
    assert look_ups() == ["unknown", "192.0.2.1", "192.0.2.2"]


def test_control_with_the_resolver_of_eventlet_it_stays_unknown() -> None:
    without = "from services.chassis.process import name_resolver; name_resolver.install = lambda: None"
    assert look_ups(without) == ["unknown"] * 3
