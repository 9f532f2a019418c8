"""What the rows of the audit log say that somebody did or looked at, in words."""

from contracts.rpc import METHODS
from contracts.subscriptions import SERVICES
from services.gateway.pages.shared.languages import _

ACTIONS: dict[str, str] = {f"{one.service}.{one.name}": one.said for one in METHODS if one.said} | {
    "accounts.create_first_ado": _("Made the first login of the ADO Branch"),
    "accounts.import_logins": _("Issued the logins of a file"),
    "accounts.rotate_key": _("Began a new signing key"),
    "accounts.withdraw_key": _("Withdrew a signing key"),
    "application.erase_again": _("Erased again what a restored copy had brought back"),
    "application.affected_mobiles": _("Read the mobiles of those whom a breach touched"),
    "application.affected_told": _("Told those whom a breach touched"),
    "approval.import_sites": _("Applied a file of the directory"),
    "approval.import_gates": _("Applied a file of the directory"),
    "approval.import_hours": _("Applied a file of the directory"),
    "approval.import_departments": _("Applied a file of the directory"),
    "approval.import_officers": _("Applied a file of the directory"),
    "approval.import_holidays": _("Applied a file of the directory"),
    "approval.import_escalation": _("Applied a file of the directory"),
    "issuance.rotate_key": _("Began a new signing key"),
    "issuance.withdraw_key": _("Withdrew a signing key"),
    **{f"{service}.export_audit": _("File of the audit log") for service in SERVICES},
    "verify.preview": _("Previewed a pass"),
    "verify.override": _("Let somebody in with a supervisor's PIN"),
}
"""By service and action, as the log names it: an RPC, part of one, or a command of `epass`."""
