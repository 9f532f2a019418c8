"""A private RabbitMQ: its own node name, ports, folder, cookie and port mapper, all on the loopback address.

Debian's ``rabbitmq-server`` drops to a user of its own; the script in its library folder does not, so that
one runs here. Users and permissions are loaded from a file of definitions while it boots.
"""

import json
import re
import subprocess
from pathlib import Path

import amqp

from deploy.local import processes
from deploy.local.errors import StackFailed
from deploy.local.permissions import PERMISSIONS, VHOST, definitions
from deploy.local.processes import Launch
from deploy.local.secrets import SecretStore, write_private

INSTALL = "apt-get install rabbitmq-server (4.0 or later)"
PLUGINS = "[rabbitmq_management,rabbitmq_prometheus]."
FOREIGN = ("RABBITMQ_", "ERL_", "EPASS_")
"""Prefixes of settings of other nodes and programs."""
CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = {prometheus}
definitions.import_backend = local_filesystem
definitions.local.path = {definitions}
log.file = false
log.console = true
log.console.level = info
"""
NOT_DURABLE = "[{ra, [{wal_sync_method, none}]}].\n"
"""Quorum queues then write their log without waiting for the disk."""


class Broker(processes.Server):
    """One node with its folder. ``ports`` names amqp, management, prometheus, distribution and epmd.

    One that is not ``durable`` survives the death of its process, and no loss of power.
    """

    title = "RabbitMQ"
    error_words = ("[error]", "ERROR", "error:", "failed")

    def __init__(
        self,
        folder: Path,
        ports: dict[str, int],
        secret_store: SecretStore,
        log: Path,
        mark: str,
        launch: Launch = processes.spawn,
        *,
        durable: bool = True,
    ) -> None:
        super().__init__(folder, log, mark, launch)
        self.port = ports["amqp"]
        self.node = f"epass-{mark}@localhost"
        self._ports = ports
        self._secret_store = secret_store
        self._durable = durable
        self._mapper: processes.Child | None = None

    def launch(self) -> None:
        """Write its configuration and start port mapper and node, without waiting until it answers."""
        script = _script()
        self._configure()
        if self._mapper is None or self._mapper.poll() is not None:
            mapper = processes.required("epmd", "erlang-base")
            self._mapper = self._launch(self._program("epmd", mapper, self.log.with_name("epmd.log")))
        self._child = self._launch(self._program("broker", str(script), self.log))

    def stop(self, seconds: float = 8) -> None:
        """Shut down the node, then its port mapper. Harmless when it is not running."""
        super().stop(seconds)
        if self._mapper:
            processes.end_child(self._mapper, 2)
            self._mapper = None

    def answers(self) -> bool:
        """Return whether it accepts its administrator."""
        connection = amqp.Connection(
            f"127.0.0.1:{self.port}",
            "administrator",
            self._password("administrator"),
            virtual_host=VHOST,
            connect_timeout=2,
            read_timeout=5,
        )
        try:
            connection.connect()
            connection.close()
        except (OSError, amqp.exceptions.AMQPError):
            return False
        return True

    def url(self, user: str) -> str:
        """Return the AMQP address for one of the users in ``permissions.PERMISSIONS``."""
        return f"amqp://{user}:{self._password(user)}@127.0.0.1:{self.port}/{VHOST}"

    def ctl(self, *arguments: str, program: str = "rabbitmqctl") -> str:
        """Run RabbitMQ's own command-line tool and return its output (it needs a second or two)."""
        done = subprocess.run(
            [str(_script().with_name(program)), "--node", self.node, *arguments],
            env={**processes.inherited(*FOREIGN), **self._environment()},
            text=True, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise StackFailed(
                f"{program} {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout

    def _password(self, user: str) -> str:
        return self._secret_store.password(f"broker {user}")

    def _configure(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        users = definitions({user: self._password(user) for user in PERMISSIONS})
        write_private(self._folder / "definitions.json", json.dumps(users, indent=1) + "\n")
        self._folder.joinpath("enabled_plugins").write_text(PLUGINS + "\n")
        text = CONFIG.format(**self._ports, definitions=self._folder / "definitions.json")
        self._folder.joinpath("rabbitmq.conf").write_text(text)
        self._folder.joinpath("advanced.config").write_text("[].\n" if self._durable else NOT_DURABLE)

    def _program(self, name: str, command: str, log: Path) -> processes.Program:
        return processes.Program(name, (command,), log, self._environment(), without=FOREIGN)

    def _environment(self) -> dict[str, str]:
        """Return settings that confine the node to its folder: no system configuration, no shared cookie."""
        folder = str(self._folder)
        return {
            processes.MARK: self._mark,
            "HOME": folder,
            "ERL_CRASH_DUMP": f"{folder}/erl_crash.dump",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._ports["epmd"]),
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_CONFIG_FILES": f"{folder}/none",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{folder}/advanced.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{folder}/generated",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_DIST_PORT": str(self._ports["distribution"]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # the script then becomes the node instead of waiting for it, so that our child is the node itself
            "RUNNING_UNDER_SYSTEMD": "true",
        }


def _script() -> Path:
    """Return the newest ``rabbitmq-server``; raise `StackFailed` if there is none or it is too old."""
    found = [script for root in ("/usr/lib", "/usr/local/lib", "/opt") for script in Path(root).glob(
        "rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")]  # fmt: skip
    if not found:
        raise StackFailed(f"RabbitMQ is missing: {INSTALL}")
    newest = max(found, key=_version)
    if _version(newest) < (4, 0):
        raise StackFailed(f"RabbitMQ {'.'.join(map(str, _version(newest)))} is too old: {INSTALL}")
    return newest


def _version(script: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", script.parent.parent.name))
