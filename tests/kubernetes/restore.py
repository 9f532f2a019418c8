"""Everything is lost, and comes back as it was at a moment, from a store and a file that are apart from it.

The steps of docs/backup.md ("The drill: back to a point in time"), with its commands; but for CloudNativePG's
own part, in whose place the trial's database server runs Barman Cloud (the folder ``archive``).
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.kubernetes import cluster
from tests.kubernetes.cluster import here, kubectl
from tests.support.stack.running import eventually

ARCHIVE = Path(__file__).parent / "archive"
PATIENCE = 300  # seconds
KEPT = {
    "database": "database-0",
    "broker-server": "broker-server-0",
}  # the StatefulSets with a volume, and their pods
NOT_REACHED = "recovery ended before configured recovery target was reached"


def sql(query: str, database: str = "postgres") -> str:
    """Return what the database server answers."""
    psql = ("psql", "-U", "postgres", "-AtX", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", query)
    return here("exec", "database-0", "-c", "server", "--", *psql).strip()


def applications() -> set[str]:
    """Return the references of all applications."""
    return set(sql("select reference from applications", "application").split())


class Drill:
    """Lose an installation and restore it.

    Args:
        overlay: the trial with its archive.
        secrets: the file of all secrets.
        visit: goes through a journey.
    """

    def __init__(self, overlay: str, secrets: Path, visit: Callable[[], object]) -> None:
        self._overlay, self._secrets, self._visit = overlay, secrets, visit
        self._moment = ""
        self._then: set[str] = set()

    def archive(self) -> str:
        """Archive the log, copy the databases, and let people come before and after a moment."""
        keys = ("--from-literal=ACCESS_KEY_ID=drill", "--from-literal=ACCESS_SECRET_KEY=drill")
        here("create", "secret", "generic", "backup-store", *keys)
        self._recover_to("", "database")
        kubectl("apply", "-k", self._overlay)
        here("wait", "--timeout", "2m", "--for", "condition=Ready", "pod/backup-store")
        here("rollout", "status", "--timeout", "5m", "statefulset")
        eventually(lambda: sql("show archive_mode") == "on", "the server archives its log", PATIENCE)
        began = time.monotonic()
        to = ("--immediate-checkpoint", "-e", "AES256", "--gzip", "--name", "drill", "-U", "postgres")
        script = f"barman-cloud-backup --endpoint-url=$STORE {' '.join(to)} s3://backups database"
        here("exec", "database-0", "-c", "server", "--", "sh", "-c", script)
        took = time.monotonic() - began
        self._visit()
        self._moment, self._then = sql("select clock_timestamp()"), applications()
        self._visit()
        assert applications() > self._then
        last = sql("select pg_walfile_name(pg_switch_wal())")
        archived = f"select last_archived_wal >= '{last}' from pg_stat_archiver"
        eventually(lambda: sql(archived) == "t", "the log is in the store", PATIENCE)
        size = sql("select sum(pg_database_size(oid)) / 1000000 from pg_database")
        return f"a copy of {float(size):.0f} MB in {took:.1f} s"

    def lose(self) -> str:
        """Delete all data and all secrets; show that a moment that the log does not reach is refused."""
        self._run(1)
        kubectl("delete", "-f", "-", text=self._secrets_made())
        here("delete", "statefulset", *KEPT)
        here("delete", "pvc", *(f"data-{pod}" for pod in KEPT.values()))
        kubectl("apply", "-f", "-", text=self._secrets_made())
        self._recover_to("2100-01-01 00:00:00+00", "database-2")
        kubectl("apply", "-k", self._overlay, "-l", "stage=servers")

        def is_refused() -> bool:
            pod = json.loads(here("get", "pod", "database-0", "-o", "json", "--ignore-not-found") or "{}")
            states = pod.get("status", {}).get("containerStatuses", [{}])
            ended = states[0].get("restartCount", 0) > 0
            return ended and NOT_REACHED in here("logs", "database-0", "-c", "server", "--previous")

        eventually(is_refused, "the server refuses to start", PATIENCE)
        here("delete", "statefulset", "database")
        here("delete", "pvc", "data-database-0")
        return "all volumes and secrets are gone; a log that ends too early is refused"

    def restore(self) -> str:
        """Restore it, and show that what was there at the moment is there, and nothing else."""
        began = time.monotonic()
        self._recover_to(self._moment, "database-2")
        kubectl("apply", "-k", self._overlay, "-l", "stage=servers")
        here("rollout", "status", "--timeout", "5m", "statefulset")
        eventually(lambda: sql("select pg_is_in_recovery()") == "f", "the server takes changes", PATIENCE)
        served = time.monotonic() - began
        assert applications() == self._then
        known = int(sql("select coalesce(max(seq), 0) from outbox", "issuance"))
        self._run(4)
        self._run(6)
        here("wait", "--timeout", "10m", "--for", "condition=Available", "deployment", "--all")
        took = time.monotonic() - began
        newer = f"select count(*) > 0 from outbox where seq > {known} + 1000000"
        eventually(lambda: sql(newer, "issuance") == "t", "events have numbers above all lost ones", PATIENCE)
        return f"{len(self._then)} applications; the databases in {served:.0f} s, all in {took:.0f} s"

    def _recover_to(self, moment: str, archive: str) -> None:
        values = {"archive": archive} | ({"moment": moment} if moment else {})
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "recovery"}, "data": values}
        here("apply", "-f", "-", text=json.dumps(made))

    def _secrets_made(self) -> str:
        return cluster.run(sys.executable, "-m", "deploy.kubernetes.trial", str(self._secrets))

    def _run(self, step: int) -> None:
        """Run the commands of a step as the page has them, but what needs KEDA."""
        script = cluster.for_here(
            cluster.commands(f"{step}. **", "backup"), Path(self._overlay), self._secrets
        )
        lines = [line for line in script.splitlines() if "scaledobject" not in line]
        cluster.run("bash", "-c", "\n".join(lines))
