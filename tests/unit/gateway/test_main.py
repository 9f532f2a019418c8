"""The start of the gateway's process."""

import pytest
import uvicorn

from services.chassis.runtime.settings import WrongSettings
from services.gateway import main as gateway_main
from services.gateway.edge.connections import MOST_CONNECTIONS, BoundedProtocol
from services.gateway.main import main
from tests.support.stack.settings import REQUIRED

NEEDED = ("broker_urls", "idempotency_secret", "answers_keys")


@pytest.mark.parametrize("missing", NEEDED)
def test_a_gateway_without_a_setting_that_it_needs_does_not_start_and_names_it(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NEEDED:
        value = REQUIRED[name]
        monkeypatch.setenv(f"EPASS_{name.upper()}", ",".join(value) if isinstance(value, tuple) else value)
    monkeypatch.delenv(f"EPASS_{missing.upper()}")
    with pytest.raises(WrongSettings, match=f"EPASS_{missing.upper()} is missing"):
        main()


def test_the_server_bounds_connections_headers_and_slow_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDED:
        value = REQUIRED[name]
        monkeypatch.setenv(f"EPASS_{name.upper()}", ",".join(value) if isinstance(value, tuple) else value)
    configs: list[uvicorn.Config] = []

    class NoServer:
        def __init__(self, config: uvicorn.Config, *_: object) -> None:
            configs.append(config)

        def run(self) -> None: ...

    monkeypatch.setattr(gateway_main, "Server", NoServer)
    monkeypatch.setattr(gateway_main.signal, "signal", lambda *_: None)
    main()
    (config,) = configs
    assert config.http is BoundedProtocol
    assert config.limit_concurrency == MOST_CONNECTIONS
