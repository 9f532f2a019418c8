"""How KEDA scales the consumers of events: a trigger for each queue of ``contracts/events``.

Usage: python -m deploy.kubernetes.autoscaling [--check]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from contracts.documents import BY, write_or_check
from contracts.subscriptions import SUBSCRIPTIONS, Subscription, subscriptions

FILE = Path(__file__).parent / "base" / "processes" / "autoscaling.yaml"
WAITING = 100
"""How many messages, of up to 64 events each, wait for each replica before there is one more."""
WAITING_CODES = 20
"""The same of one-time codes, for which a person waits."""
HEAD = f"""\
# {BY}
# KEDA asks the broker for the length of queues as the exporter does: as a user that reads nothing, over TLS.
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {{name: broker}}
spec:
  secretTargetRef:
    - {{parameter: host, name: keda, key: host}}
    - {{parameter: tls, name: keda, key: tls}}
    - {{parameter: ca, name: inside-ca, key: ca.crt}}
"""


def text() -> str:
    """Return the content of the file."""
    return HEAD + "".join(line for service in SUBSCRIPTIONS for line in _scaled(service))


def _scaled(service: str) -> Iterator[str]:
    yield "---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\n"
    yield f"metadata: {{name: {service}-events, labels: {{process: {service}}}}}\n"
    yield f"spec:\n  scaleTargetRef: {{name: {service}-events}}\n  triggers:\n"
    for one in subscriptions():
        if one.service == service:
            yield (
                f'    - {{type: rabbitmq, metadata: {{mode: QueueLength, value: "{_waiting(one)}", '
                f"queueName: {one.queue}}}, authenticationRef: {{name: broker}}}}\n"
            )


def _waiting(one: Subscription) -> int:
    return WAITING_CODES if one.event.__name__ == "OtpRequested" else WAITING


if __name__ == "__main__":
    sys.exit(write_or_check(FILE, text()))
