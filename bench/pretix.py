"""`make bench PEER=pretix`: how many orders and check-ins a second pretix makes on this machine.

pretix (pip, its own environment in ``.local-pretix/``) is the best-known open system that sells tickets and
checks them at a door. It runs here as its documentation says: two gunicorn workers and PostgreSQL, without
Redis, and without sending mail. An order is free and paid at once; a check-in redeems its ticket.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from bench import journeys
from bench.load import Request, Result, in_shares
from bench.peers import free_port
from deploy.local.stack import Stack

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / ".local-pretix"
VERSION = "2026.8.0"
KEEP_ALIVE = ("-k", "gthread", "--threads", "1", "--keep-alive", "75")
"""Connections stay open, as ours do."""
ORDERS, CLIENTS, WORKERS = 300, 32, 2


def install() -> Path:
    """Install pretix if it is not there; return its Python."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "bin" / "gunicorn").exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", f"pretix=={VERSION}", "gunicorn"], check=True
        )
    return python


async def measure(stack: Stack) -> tuple[Result, Result]:
    """Return the answers to orders, and to check-ins of their tickets."""
    python, port = install(), free_port()
    stack.postgres.create_database("pretix")
    settings = _settings(stack, port)
    _run(python, settings, "migrate", "--skip-checks")
    made = _run(python, settings, "shell", stdin=(ROOT / "bench" / "pretix_setup.py").read_text())
    setup = json.loads(made.split("SETUP ")[1].splitlines()[0])
    server = subprocess.Popen(
        [
            str(python),
            "-m",
            "gunicorn",
            "-w",
            str(WORKERS),
            *KEEP_ALIVE,
            "-b",
            f"127.0.0.1:{port}",
            "pretix.wsgi",
        ],
        env=settings,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        await journeys.wait_for_answer(f"{address}/healthcheck/")
        return await _orders_and_check_ins(address, setup)
    finally:
        server.terminate()
        server.wait()


async def _orders_and_check_ins(address: str, setup: dict[str, object]) -> tuple[Result, Result]:
    position = {"item": setup["item"], "variation": None, "price": "0.00", "answers": []}
    body = {
        "email": None,
        "locale": "en",
        "sales_channel": "web",
        "status": "p",
        "payment_provider": "free",
        "positions": [position],
    }
    order = Request("/api/v1/organizers/bench/events/bench/orders/", body, str(setup["token"]), "Token")
    await in_shares(address, [[order] * 2] * WORKERS)
    orders = await in_shares(address, [[order] * (ORDERS // CLIENTS)] * CLIENTS)
    redeem = [
        Request(
            "/api/v1/organizers/bench/checkinrpc/redeem/",
            {"secret": json.loads(body)["positions"][0]["secret"], "lists": [setup["list"]], "type": "entry"},
            order.token,
            order.scheme,
        )
        for body in orders.bodies
    ]
    return orders, await in_shares(address, [redeem[number::CLIENTS] for number in range(CLIENTS)])


def _settings(stack: Stack, port: int) -> dict[str, str]:
    """Write pretix's configuration; return the environment of its processes."""
    folder = stack.folder / "pretix"
    folder.mkdir()
    url = urlsplit(stack.postgres.url("pretix", scheme="postgresql"))
    (folder / "pretix.cfg").write_text(
        f"[pretix]\nurl=http://127.0.0.1:{port}\ndatadir={folder}\n"
        f"[database]\nbackend=postgresql\nname=pretix\nuser={url.username}\npassword={url.password}\n"
        f"host={url.hostname}\nport={url.port}\n"
    )
    return {**os.environ, "PRETIX_CONFIG_FILE": str(folder / "pretix.cfg"), "PYTHONPATH": ""}


def _run(python: Path, settings: dict[str, str], *words: str, stdin: str | None = None) -> str:
    done = subprocess.run(
        [str(python), "-m", "pretix", *words],
        env=settings,
        input=stdin,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"pretix {words[0]} failed: {done.stderr[-2000:]}")
    return done.stdout
