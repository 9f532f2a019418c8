"""RPC of application: the consent to an application, where the site rests on it, is withdrawn."""

from contracts.rpc.application import Acknowledged, ReferenceOnly
from contracts.rpc.call import Method

WITHDRAW = Method(
    "application", "withdraw_consent", ReferenceOnly, Acknowledged, command=True,
    said="Withdrew their consent",
)  # fmt: skip
