"""A system of its own whose connections to the broker or to the databases go through a proxy with faults."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.backends import TestStack, start_stack
from tests.support.chaos.deployment import Deployment, settings_for
from tests.support.chaos.provider import Provider
from tests.support.chaos.proxy import Proxy
from tests.support.system import System


class Proxied(System):
    """A system with an exporter that finds the proxy wherever its stack has the port ``behind``."""

    def __init__(self, stack: TestStack, behind: int, proxy: Proxy, **settings: str) -> None:
        self._ports = f":{behind}/", f":{proxy.port}/"
        super().__init__(stack, **settings)
        self.processes["exporter"] = self.process("exporter", EPASS_OPS_INTERVAL="2")

    def _environment(self, name: str) -> dict[str, str]:
        return {key: value.replace(*self._ports) for key, value in super()._environment(name).items()}


@contextmanager
def proxied_system(
    folder: Path, url_of: Callable[[TestStack], str], **settings: str
) -> Iterator[tuple[Deployment, Proxy]]:
    """Start a system, and a proxy in front of the server at a URL of its stack."""
    (folder / "stack").mkdir()
    with start_stack(folder / "stack") as stack, Provider(folder) as provider:
        address = urlsplit(url_of(stack))
        assert address.hostname is not None
        assert address.port is not None
        with (
            Proxy(address.hostname, address.port) as proxy,
            Proxied(stack, address.port, proxy, **settings_for(provider), **settings) as system,
        ):
            yield Deployment(stack, system, provider), proxy
