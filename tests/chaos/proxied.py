"""A system of its own whose connections to the broker or to the databases go through a proxy with faults."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.chaos.deployment import Deployment, settings_for
from tests.support.chaos.provider import Provider
from tests.support.chaos.proxy import Proxy
from tests.support.stack.backends import TestStack, start_stack
from tests.support.system.system import System


class Proxied(System):
    """A system with an exporter that finds a proxy wherever its stack has the port behind it."""

    def __init__(self, stack: TestStack, proxies: Mapping[int, Proxy], **settings: str) -> None:
        self._ports = {f":{behind}/": f":{proxy.port}/" for behind, proxy in proxies.items()}
        super().__init__(stack, **settings)
        addresses = (f"{name}=http://127.0.0.1:{one.port}" for name, one in self.processes.items())
        self.processes["exporter"] = self.process(
            "exporter", EPASS_OPS_INTERVAL="2", EPASS_OPS_PROCESSES=",".join(addresses)
        )

    def _environment(self, name: str) -> dict[str, str]:
        environment = super()._environment(name)
        for behind, port in self._ports.items():
            environment = {key: value.replace(behind, port) for key, value in environment.items()}
        return environment


@contextmanager
def proxied_system(
    folder: Path, *urls_of: Callable[[TestStack], str], **settings: str
) -> Iterator[tuple[Deployment, tuple[Proxy, ...]]]:
    """Start a system, and a proxy in front of each of some servers, named by a URL of its stack."""
    (folder / "stack").mkdir()
    with start_stack(folder / "stack") as stack, Provider(folder) as provider, ExitStack() as running:
        proxies: dict[int, Proxy] = {}
        for url_of in urls_of:
            address = urlsplit(url_of(stack))
            assert address.hostname is not None
            assert address.port is not None
            proxies[address.port] = running.enter_context(Proxy(address.hostname, address.port))
        system = running.enter_context(Proxied(stack, proxies, **settings_for(provider), **settings))
        yield Deployment(stack, system, provider), tuple(proxies.values())
