"""Ports of the processes that tests start."""

import pytest

from tests.support.stack.running import free_port


def test_no_two_workers_choose_the_same_port_and_none_chooses_one_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen: list[int] = []
    for worker in ("gw0", "gw1", "gw3"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        ports = [free_port() for _ in range(100)]
        assert len({port % 8 for port in ports}) == 1
        chosen += ports
    assert len(set(chosen)) == len(chosen)
