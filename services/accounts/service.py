"""The RPCs of accounts, a line each: what the contract calls it, and the handler that answers.

A line that is called as the module of its handler stands behind the others of that module.
"""

from contracts.rpc import accounts as contract
from services.accounts.handlers import (
    factor_rule,
    gate_devices,
    idle_sessions,
    login_imports,
    login_queries,
    logins,
    look_budgets,
    otp,
    own_factor,
    passwords,
    second_factor,
    sessions,
)
from services.chassis.audit import entries, heads
from services.chassis.db.providers import DatabaseProvider, SettingsProvider
from services.chassis.rpc.server import rpc


class Service:
    """Logins, sessions and one-time codes, for the gateway."""

    name = "accounts"
    db = DatabaseProvider()
    settings = SettingsProvider()

    request_otp = rpc(contract.sessions.REQUEST_OTP, otp.request_code)
    verify_otp = rpc(contract.sessions.VERIFY_OTP, otp.verify_code)
    log_in = rpc(contract.sessions.LOG_IN, passwords.log_in)
    enrol_kiosk = rpc(contract.sessions.ENROL_KIOSK, passwords.enrol_kiosk)
    enrol_gate_device = rpc(contract.gate_devices.ENROL_GATE_DEVICE, passwords.enrol_gate_device)
    report_gate_device = rpc(contract.gate_devices.REPORT_GATE_DEVICE, gate_devices.report)
    gate_devices = rpc(contract.gate_devices.GATE_DEVICES, gate_devices.list_all)
    enter_code = rpc(contract.second_factor.ENTER_CODE, second_factor.enter_code)
    show_enrolment = rpc(contract.second_factor.SHOW_ENROLMENT, second_factor.show_enrolment)
    enrol_factor = rpc(contract.second_factor.ENROL_FACTOR, second_factor.enrol)
    start_enrolment = rpc(contract.second_factor.START_ENROLMENT, passwords.start_enrolment)
    confirm_factor = rpc(contract.second_factor.CONFIRM_FACTOR, own_factor.confirm)
    renew_recovery_codes = rpc(contract.second_factor.RENEW_RECOVERY_CODES, own_factor.renew_recovery_codes)
    own_factor = rpc(contract.second_factor.OWN_FACTOR, own_factor.view)
    log_out = rpc(contract.sessions.LOG_OUT, sessions.log_out)
    own_sessions = rpc(contract.sessions.OWN_SESSIONS, sessions.own)
    end_own_sessions = rpc(contract.sessions.END_OWN_SESSIONS, sessions.end_own)
    renew_kiosk = rpc(contract.sessions.RENEW_KIOSK, sessions.renew_kiosk)
    change_password = rpc(contract.sessions.CHANGE_PASSWORD, passwords.change)
    issue_login = rpc(contract.logins.ISSUE_LOGIN, logins.issue)
    list_logins = rpc(contract.logins.LIST_LOGINS, login_queries.list_page)
    view_login = rpc(contract.logins.VIEW_LOGIN, login_queries.view)
    extend_login = rpc(contract.logins.EXTEND_LOGIN, logins.extend)
    set_login_mobile = rpc(contract.logins.SET_LOGIN_MOBILE, logins.set_mobile)
    end_sessions = rpc(contract.logins.END_SESSIONS, logins.end_sessions)
    colleagues = rpc(contract.logins.COLLEAGUES, login_queries.colleagues)
    login_places = rpc(contract.logins.LOGIN_PLACES, login_queries.places)
    disable_login = rpc(contract.logins.DISABLE_LOGIN, logins.disable)
    reset_login = rpc(contract.logins.RESET_LOGIN, logins.reset)
    reset_factor = rpc(contract.logins.RESET_FACTOR, logins.reset_factor)
    set_factor_rule = rpc(contract.second_factor.SET_FACTOR_RULE, factor_rule.change)
    factor_rule = rpc(contract.second_factor.FACTOR_RULE, factor_rule.view)
    set_look_budgets = rpc(contract.look_budgets.SET_LOOK_BUDGETS, look_budgets.change)
    look_budgets = rpc(contract.look_budgets.LOOK_BUDGETS, look_budgets.view)
    export_logins = rpc(contract.logins.EXPORT_LOGINS, login_imports.export)
    send_login_file = rpc(contract.logins.SEND_LOGIN_FILE, login_imports.send)
    check_login_file = rpc(contract.logins.CHECK_LOGIN_FILE, login_imports.check)
    apply_login_file = rpc(contract.logins.APPLY_LOGIN_FILE, login_imports.apply)
    session_keys = rpc(contract.sessions.SESSION_KEYS, sessions.keys)
    denied_sessions = rpc(contract.sessions.DENIED_SESSIONS, idle_sessions.exchange)
    audit_entries = rpc(contract.AUDIT_ENTRIES, entries.list_entries)
    most_looks = rpc(contract.MOST_LOOKS, entries.most_looks)
    audit_heads = rpc(contract.AUDIT_HEADS, heads.list_heads)
