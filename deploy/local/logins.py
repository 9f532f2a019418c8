"""The demo logins: fixed login ids and random passwords, one set for a folder.

``epass seed accounts`` creates them. That of ``gate_device`` enrols the gate's app: its one-time code is the
login id, a dash and the password, and each seeding makes it fresh.
"""

import json
from pathlib import Path

from deploy.local.secrets import SecretStore, write_private

DEMO: dict[str, dict[str, str]] = {
    "department": {"login_id": "HOM-0001", "department": "home"},
    "security": {"login_id": "SEC-0001", "site": "PCS1", "gate": "PCS1-G1"},
    "ado": {"login_id": "ADO-0001"},
    "reception": {"login_id": "REC-0001", "site": "PCS1"},
    "assisted": {"login_id": "SEW-0001"},
    "ops": {"login_id": "OPS-0001"},
    "auditor": {"login_id": "AUD-0001"},
    "grievance": {"login_id": "GRO-0001"},
    "privacy": {"login_id": "DPO-0001"},
    "gate_device": {"login_id": "GAT-0001", "site": "PCS1", "gate": "PCS1-G1"},
}


def write(file: Path, secret_store: SecretStore) -> dict[str, dict[str, str]]:
    """Write the logins into ``file``, for its owner only; return them by role."""
    made = text(secret_store)
    write_private(file, made)
    logins: dict[str, dict[str, str]] = json.loads(made)
    return logins


def text(secret_store: SecretStore) -> str:
    """Return ``{role: {"login_id": …, "password": …, …}}`` as JSON."""
    logins = {
        role: {**login, "password": secret_store.password(f"demo {role}")[:16]}
        for role, login in DEMO.items()
    }
    device = logins["gate_device"]
    device["password"] = device["password"].replace("_", "-")  # no code of a device has one
    return json.dumps(logins, indent=1) + "\n"
