"""The ceiling: a nameko service that does nothing, on a queue of the same kind as ours.

`python -m bench.echo URL`.
"""

import warnings

warnings.filterwarnings("ignore", message=r"(?s).*Eventlet is deprecated")

import eventlet  # noqa: E402  must come first

eventlet.monkey_patch()

import functools  # noqa: E402
import sys  # noqa: E402

from kombu import Queue  # noqa: E402
from nameko import config  # noqa: E402
from nameko.amqp.publish import Publisher  # noqa: E402
from nameko.rpc import Responder, Rpc, RpcConsumer, get_rpc_exchange  # noqa: E402
from nameko.runners import ServiceRunner  # noqa: E402


class QuorumConsumer(RpcConsumer):
    """nameko's own consumer, on a quorum queue."""

    def setup(self) -> None:
        super().setup()
        name = f"rpc-{self.container.service_name}"
        queue = Queue(
            name,
            get_rpc_exchange(),
            f"{self.container.service_name}.*",
            queue_arguments={"x-queue-type": "quorum"},
        )
        self.consumer.queues = [queue]


class QuorumRpc(Rpc):
    rpc_consumer = QuorumConsumer()


class Echo:
    """The gateway takes a reply from nobody but the service; the administrator may send in its name."""

    name = "echo"

    @QuorumRpc.decorator
    def echo(self, request, call):
        return request


def main() -> None:
    """Serve until killed."""
    config.setup(
        {"AMQP_URI": sys.argv[1].replace("amqp://", "pyamqp://"), "max_workers": 20, "PREFETCH_COUNT": 40}
    )
    Responder.publisher_cls = staticmethod(functools.partial(Publisher, user_id=Echo.name))
    runner = ServiceRunner()
    runner.add_service(Echo)
    runner.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    runner.wait()


if __name__ == "__main__":
    main()
