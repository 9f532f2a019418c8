"""Ask each process whether it is ready, which version it runs and since when: `/readyz` and `/metrics`.

A process that does not answer within two seconds, or answers with anything unexpected, does not answer. Only
a few metrics are read: these, when its jobs succeeded, and of a sender what it says of its vendors.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import httpx
from prometheus_client.parser import text_string_to_metric_families
from pydantic import StrictBool, TypeAdapter

from contracts.ops import BREAKERS, JobView, ProcessView, VendorView
from services.chassis.runtime.clock import now

SECONDS = 2.0
MOST_BYTES = 5_000_000
"""Of one answer; of a longer one no more is read. A gateway that was asked everything has 1.4 MB."""
BUILD, BEGAN, SKEW = "epass_build_info", "process_start_time_seconds", "epass_clock_skew_seconds"
BREAKER, QUOTA, QUOTA_LEFT = "epass_provider_breaker", "epass_provider_quota", "epass_provider_quota_left"
JOB_AGE, JOB_INTERVAL = "epass_job_success_age_seconds", "epass_job_interval_seconds"
REVOCATIONS = 'epass_revocations_age_seconds{at="gateway"}'
_SHOWN = (BUILD, BEGAN, SKEW, REVOCATIONS, BREAKER, QUOTA, JOB_AGE, JOB_INTERVAL)
_QUERY = "&".join(f"name[]={name.partition('{')[0]}" for name in (*_SHOWN, QUOTA_LEFT))
_MOST_LINES, _LONGEST_LINE = 200, 300
_CHECKS = TypeAdapter(dict[str, StrictBool])


async def look_at(
    http: httpx.AsyncClient, processes: Sequence[str], before: Sequence[ProcessView]
) -> tuple[ProcessView, ...]:
    """Return how each process is now, all asked at the same time.

    Args:
        processes: each as ``name=http://host:port``; over https the host stands in the certificate of each
            of its addresses.
        before: what the last look has found, which knows when a process answered last.
    """
    answered = {(one.name, one.address): one.answered_at for one in before}
    asked = []
    for process in processes:
        name, _, url = process.partition("=")
        target = httpx.URL(url)
        asked += [_ask(http, name, address, target) for address in await _addresses(target)]
    found = await asyncio.gather(*asked)
    return tuple(
        one.model_copy(update={"answered_at": one.answered_at or answered.get((one.name, one.address))})
        for one in found
    )


async def _addresses(target: httpx.URL) -> list[str]:
    """Return ``host:port`` of each address of a URL's host; one empty text if it has none."""
    port = target.port or (443 if target.scheme == "https" else 80)
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(target.host, port, type=socket.SOCK_STREAM)
        hosts = sorted({str(address[0]) for *_, address in found})
        return [f"{f'[{host}]' if ':' in host else host}:{port}" for host in hosts]
    return [""]


async def _ask(http: httpx.AsyncClient, name: str, address: str, target: httpx.URL) -> ProcessView:
    at = f"{target.scheme}://{address}"
    try:
        async with asyncio.timeout(SECONDS):
            (status, ready), (_, metrics) = await asyncio.gather(
                _get(http, f"{at}/readyz", target.host), _get(http, f"{at}/metrics?{_QUERY}", target.host)
            )
        version, numbers, vendors, jobs = _read(metrics.decode())
        began = numbers.get(BEGAN)
        return ProcessView(
            name=name,
            address=address,
            state="ready" if status == 200 else "not_ready",
            failing=tuple(check for check, holds in _CHECKS.validate_json(ready).items() if not holds),
            version=version,
            began_at=datetime.fromtimestamp(began, UTC) if began else None,
            clock_skew=numbers.get(SKEW),
            answered_at=now(),
            revocations_seconds=numbers.get(REVOCATIONS.partition("{")[0]),
            vendors=vendors,
            jobs=jobs,
        )
    except Exception:  # noqa: BLE001  whatever one process answers, the look at the others goes on
        return ProcessView(name=name, address=address, state="no_answer")


async def _get(http: httpx.AsyncClient, url: str, name: str) -> tuple[int, bytes]:
    """Return the status and the body of an answer from whom a certificate calls ``name``.

    Raises:
        ValueError: the body is too long.
    """
    body = bytearray()
    asked = http.stream(
        "GET", url, headers={"Accept-Encoding": "identity"}, extensions={"sni_hostname": name}
    )
    async with asked as answer:
        async for part in answer.aiter_raw():
            body += part
            if len(body) > MOST_BYTES:
                raise ValueError("the answer is too long")
    return answer.status_code, bytes(body)


def _read(metrics: str) -> tuple[str, dict[str, float], tuple[VendorView, ...], tuple[JobView, ...]]:
    """Return version, numbers, vendors and jobs, as they are shown; nothing else is even parsed."""
    lines = [line for line in metrics.splitlines() if line.startswith(_SHOWN) and len(line) < _LONGEST_LINE]
    version, numbers = "", {}
    vendors: dict[str, dict[str, float]] = {}
    jobs: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families("\n".join([*lines[:_MOST_LINES], ""])):
        for sample in family.samples:
            if provider := sample.labels.get("provider"):
                vendors.setdefault(provider, {})[sample.name] = float(sample.value)
                continue
            if job := sample.labels.get("job_name"):
                jobs.setdefault(job, {})[sample.name] = float(sample.value)
                continue
            numbers[sample.name] = float(sample.value)
            version = sample.labels.get("version", version)
    return (
        version,
        numbers,
        tuple(_vendor(name, told) for name, told in sorted(vendors.items())),
        tuple(
            JobView(name=name, interval=told[JOB_INTERVAL], age=told[JOB_AGE])
            for name, told in sorted(jobs.items())
        ),
    )


def _vendor(provider: str, told: Mapping[str, float]) -> VendorView:
    """Return what a sender says of a vendor."""
    return VendorView(
        provider=provider,
        breaker=BREAKERS[int(told[BREAKER])] if BREAKER in told else None,
        quota=int(told[QUOTA]) if QUOTA in told else None,
        quota_left=int(told[QUOTA_LEFT]) if QUOTA_LEFT in told else None,
    )
