"""Who may do what on the broker: the one table, for this machine and for production alike.

Each service reads its own queues and sends RPC replies. It publishes no event, because the outbox and the
relay do that. The administrator declares the topology, and the relay what events need of it. Whoever makes a
queue with dead letters must be allowed to read it, so the relay reads queues of events; nothing that it has
opens what is sealed in them. Requests, replies, dead letters and delays are closed to it. The exporter asks
for the depth of queues. From 4.3 that needs some right to a queue, so it may write to them: that alone only
lets one bind a queue to an exchange that one may read, and it reads none. The queues of the delays are called
like their exchanges, so the exporter may send there, as each service may; consumers refuse what it sends
(``senders.py``). With the right to read them it could take events away. The relay reads exchanges, so it gets
no such right, and does not see there whether queues of requests, dead letters and delays are missing. For an
operator the exporter reads and replays dead letters of events, as a user of its own (``ops``), since KEDA has
the password of the other one too. The administrator may send in another user's name: `epass topology apply`
moves messages and keeps their senders. The patterns are RabbitMQ's three (configure, write, read), matched
against names of exchanges and queues; the default exchange is called ``amq.default`` there.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from contracts.subscriptions import RPC_EXCHANGE, SERVICES

VHOST = "epass"


_REPLY = r"^[0-9a-f-]{36}$"
"""The routing key of replies to one caller; nobody else knows it."""
_OF_EVENTS = rf"({'|'.join(SERVICES)})\.[A-Za-z]+"
"""The names of exchanges and queues of events; those of dead letters have another part."""
_CONSUMED = rf"(rpc-({'|'.join(SERVICES)})|({'|'.join(SERVICES)})\.[A-Z][A-Za-z]*)"
"""The names of queues of events and of requests, and of no exchange."""


class Permission(NamedTuple):
    """Three regular expressions, and two for the exchange of RPCs: which routing keys may be published to it,
    and which a queue may be bound to it with.
    """

    configure: str
    write: str
    read: str
    rpc_keys: str = "^$"
    rpc_bindings: str = "^$"


def of_service(name: str) -> Permission:
    """Return the rights of one domain service: consume its queues, reply, publish to delays and dead letters.

    It may declare nothing. On the exchange of RPCs it replies, and calls nobody.
    """
    return Permission(
        configure=r"^$",
        write=r"^(nameko-rpc|epass\.delay\..*|epass\.dead)$",
        read=rf"^(rpc-{name}|{name}\..*)$",
        rpc_keys=_REPLY,
    )


PERMISSIONS: Mapping[str, Permission] = {
    **{name: of_service(name) for name in SERVICES},
    "gateway": Permission(
        configure=r"^(nameko-rpc|gateway\..*)$",
        write=r"^(nameko-rpc|gateway\..*)$",
        read=r"^(nameko-rpc|gateway\..*|accounts\.events)$",
        rpc_keys=rf"^({'|'.join(SERVICES)})\.[a-z_]+$",
        rpc_bindings=_REPLY,
    ),
    "relay": Permission(
        configure=rf"^({_OF_EVENTS}|epass\.events|epass\.replay)$",
        write=rf"^({_OF_EVENTS}|epass\.events|epass\.dead)$",
        read=rf"^({_OF_EVENTS}|epass\.replay)$",
    ),
    "exporter": Permission("^$", rf"^({_CONSUMED}(\.dead)?|epass\.delay\.\d+)$", "^$"),
    "ops": Permission("^$", r"^epass\.replay$", rf"^({'|'.join(SERVICES)})\..*\.dead$"),
    "administrator": Permission(".*", ".*", ".*", ".*", ".*"),
}


def definitions(passwords: Mapping[str, str]) -> dict[str, object]:
    """Return users, vhost and permissions as RabbitMQ definitions, with hashed passwords.

    The exchange of RPCs is there because RabbitMQ 4.3 refuses to start on rights of topics of one that is
    not. nameko and `epass topology apply` declare it with the same properties.
    """
    return {
        "vhosts": [{"name": VHOST}],
        "exchanges": [
            {
                "name": RPC_EXCHANGE,
                "vhost": VHOST,
                "type": "topic",
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
        ],
        "users": [
            {
                "name": name,
                "password_hash": _hash(passwords[name]),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": ["administrator", "impersonator"] if name == "administrator" else [],
            }
            for name in PERMISSIONS
        ],
        "permissions": [
            {
                "user": name,
                "vhost": VHOST,
                "configure": allowed.configure,
                "write": allowed.write,
                "read": allowed.read,
            }
            for name, allowed in PERMISSIONS.items()
        ],
        "topic_permissions": [
            {
                "user": name,
                "vhost": VHOST,
                "exchange": RPC_EXCHANGE,
                "write": allowed.rpc_keys,
                "read": allowed.rpc_bindings,
            }
            for name, allowed in PERMISSIONS.items()
        ],
    }


def _hash(password: str) -> str:
    """Hash a random password in RabbitMQ's form: base64 of a 4-byte salt and SHA-256 of salt and password.

    The salt comes of the password, so that the same passwords are the same definitions. It has to keep equal
    passwords from looking alike, and no two are equal: each is 256 random bits.
    """
    salt = hashlib.sha256(b"salt" + password.encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
