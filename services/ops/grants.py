"""The rights of the roles in each service's database: of the service itself, of ``relay`` and ``ops``.

The role named as the service owns its database, and only migrates it. The service runs as another one
(`role_of`), which makes and changes no tables, and neither changes nor deletes what is history.

`epass grants SERVICE` prints the rights as SQL, or grants them. The owner of that database does it after each
migration.
"""

from collections.abc import Iterator, Mapping

from contracts.subscriptions import SERVICES

ROLE = "ops"
ROLES = tuple(f"{service}_app" for service in SERVICES)
"""The roles that services run as."""
_ADD = "INSERT"
_CHANGE = "INSERT, UPDATE"
_CHANGE_AND_DELETE = "INSERT, UPDATE, DELETE"
_CHASSIS: dict[str, str] = {
    "alembic_version": "",
    "audit_heads": _ADD,
    "audit_log": _ADD,
    "audit_seals": _ADD,
    "destructive_jobs": _CHANGE,
    "outbox": _ADD,
    "inbox": "INSERT, UPDATE (seen_at), DELETE",
    "event_epoch": _CHANGE,
    "event_sequences": _CHANGE_AND_DELETE,
    "suspects": _CHANGE_AND_DELETE,
    "idempotency_keys": _CHANGE_AND_DELETE,
}
RIGHTS: Mapping[str, Mapping[str, str]] = {
    "accounts": _CHASSIS
    | {
        "activity_reports": _CHANGE,
        "factor_rules": _CHANGE,
        "gate_devices": _CHANGE,
        "imports": _CHANGE_AND_DELETE,
        "login_counters": _CHANGE,
        "login_failures": _CHANGE_AND_DELETE,
        "logins": _CHANGE,
        "look_budgets": _CHANGE,
        "otp_codes": _CHANGE_AND_DELETE,
        "otp_requests": _CHANGE_AND_DELETE,
        "proved_mobiles": _CHANGE_AND_DELETE,
        "recovery_codes": _CHANGE_AND_DELETE,
        "second_factors": _CHANGE_AND_DELETE,
        "sessions": _CHANGE_AND_DELETE,
        "sign_ins": _CHANGE_AND_DELETE,
        "signing_keys": _CHANGE,
        "told_departments": _CHANGE,
    },
    "application": _CHASSIS
    | {
        "applications": _CHANGE,
        "breach_notices": _ADD,
        "breaches": _ADD,
        "directory": _CHANGE,
        "notices": _ADD,
        "opening_tries": _CHANGE_AND_DELETE,
        "openings": _CHANGE_AND_DELETE,
        "passes": _CHANGE,
        "photographs": _CHANGE_AND_DELETE,
        "requests": _CHANGE_AND_DELETE,
        "revisions": _ADD,
        "timeline": _ADD,
    },
    "approval": _CHASSIS
    | {
        "bookings": _CHANGE_AND_DELETE,
        "capacities": _CHANGE,
        "closed_days": _CHANGE_AND_DELETE,
        "closures": _CHANGE,
        "decisions": "INSERT, UPDATE (note, days_reason, reopened_at)",
        "deciders": _CHANGE,
        "delegations": _CHANGE,
        "department_sites": _CHANGE_AND_DELETE,
        "departments": _CHANGE_AND_DELETE,
        "directory_announcements": _ADD,
        "directory_history": _ADD,
        "duty_contacts": _CHANGE_AND_DELETE,
        "first_approvals": _CHANGE_AND_DELETE,
        "forwardings": _ADD,
        "gates": _CHANGE_AND_DELETE,
        "heard_applications": _CHANGE,
        "imports": _CHANGE_AND_DELETE,
        "month_numbers": _CHANGE,
        "officers": _CHANGE_AND_DELETE,
        "place_waits": _CHANGE,
        "reference_versions": _CHANGE_AND_DELETE,
        "reviews": _CHANGE,
        "site_hours": _CHANGE_AND_DELETE,
        "site_texts": _CHANGE_AND_DELETE,
        "sites": _CHANGE_AND_DELETE,
        "visit_announcements": "INSERT, UPDATE (link_answers)",
        "visits": _CHANGE,
        "watchlist_entries": _CHANGE,
        "watchlist_matches": _CHANGE_AND_DELETE,
    },
    "issuance": _CHASSIS
    | {
        "applications": _CHANGE,
        "passes": _CHANGE,
        "signing_keys": _CHANGE,
        "status_list": _CHANGE,
    },
    "notify": _CHASSIS
    | {
        "applications": _CHANGE,
        "delivery_reports": _CHANGE_AND_DELETE,
        "departments": _CHANGE,
        "local_phone": _CHANGE_AND_DELETE,
        "media": _CHANGE_AND_DELETE,
        "messages": _CHANGE_AND_DELETE,
        "opt_outs": _CHANGE_AND_DELETE,
        "passes": _CHANGE,
        "provider_hours": _CHANGE_AND_DELETE,
        "providers": _CHANGE,
        "status_polls": _CHANGE_AND_DELETE,
        "sites": _CHANGE,
    },
    "verify": _CHASSIS
    | {
        "disabled_logins": _ADD,
        "erased_applications": _ADD,
        "gate_advice": _CHANGE_AND_DELETE,
        "gate_incidents": "INSERT, UPDATE (reason, seen_at, seen_by), DELETE",
        "help_calls": _CHANGE_AND_DELETE,
        "key_set": _CHANGE,
        "number_tries": _CHANGE_AND_DELETE,
        "passes": _CHANGE,
        "previews": _CHANGE_AND_DELETE,
        "scan_nonces": "INSERT, UPDATE (recorded_at), DELETE",
        "scans": "INSERT, UPDATE (told, reason)",
        "signing_keys": _CHANGE_AND_DELETE,
        "sites": _CHANGE,
        "status_list": _CHANGE,
        "supervisor_rules": _CHANGE,
        "supervisors": _CHANGE_AND_DELETE,
    },
}
"""What each service may do with each table of its database, besides reading it.

A table that is not here gives the service no right at all. Where rows are history, only INSERT is here, and
UPDATE of columns that an erasure blanks or that mark a row as told. To lock a row, a role must be allowed to
change some column of it.
"""
_EVERYWHERE = {
    "outbox": "type, added_at, sent_at",
    "audit_log": "position, at, actor, action, objects, result",
    "audit_heads": "id, number, head, signed_at, signature",
    "audit_seals": "number, source, positions, head",
    "destructive_jobs": "job, ran_at, refused_at, reason, detail, allowed_at, allowed_by",
}
READABLE: Mapping[str, Mapping[str, str]] = {
    "accounts": _EVERYWHERE | {"logins": "login_id, role, disabled_at, valid_until"},
    "application": _EVERYWHERE
    | {
        "applications": "id, reference, status, submitted_at, decision_kind, decision_revision, erased_at, "
        "locked_at, locked_until",
        "breach_notices": "breach, reference, event_id, told_at",
        "requests": "number, sent_at",
        "revisions": "revision",
    },
    "approval": _EVERYWHERE
    | {
        "heard_applications": "application_id, details_seq, erased_at",
        "reviews": "id, application_id, entered_on",
        "visits": "review_id, day, arrived_at, entered_at, left_at, outcome",
        "decisions": "review_id, number, revision, status, decided_at",
        "departments": "code",
        "sites": "code",
        "gates": "code",
        "watchlist_entries": "confirmed_at, ended_at, valid_until",
    },
    "issuance": _EVERYWHERE
    | {
        "applications": "application_id, approved_revision, withdrawn_revision, cancelled, erased",
        "passes": "number, application_id, issued_at, revoked_at",
        "status_list": "signed_at",
    },
    "notify": _EVERYWHERE
    | {
        "applications": "id, erased_at",
        "messages": "event_id, pass_number, purpose, state, channel, created_at, queued_at, ended_at, lane, "
        "due_at, provider, possible_duplicates, failed_tries",
        "delivery_reports": "provider, received_at",
        "opt_outs": "about",
        "passes": "number, printed_at",
    },
    "verify": _EVERYWHERE
    | {
        "erased_applications": "application_id",
        "passes": "number, application_id, site, valid_from, valid_to, further_days, closed_days, inside, "
        "admitted, revoked_seq, revoked_at",
        "status_list": "complete_at",
        "scans": "pass_number, verdict, count, marks, gate, scanned_by, scanned_at, recorded_at, claimed_at, "
        "position, told",
        "sites": "code, gates",
        "supervisor_rules": "site, demanded",
        "supervisors": "login_id, site, key_id",
    },
}


STILL_NAMED: Mapping[str, str] = {
    "application": """
      select count(*) from applications where erased_at is not null and (
        name <> '' or name_latin <> '' or name_keys <> '{}' or companions <> '[]'
        or purpose <> '' or note <> ''
        or num_nonnulls(mobile, email, id_type, id_last4, official, guardian, vehicle, correction) > 0
        or exists (select from photographs where application_id = applications.id))""",
    "approval": """
      select count(*) from heard_applications as known join reviews using (application_id)
      where known.erased_at is not null and (
        name <> '' or name_latin <> '' or name_keys <> '{}' or personal ->> 'purpose' <> ''
        or personal -> 'applicant' ->> 'name' <> '' or personal -> 'applicant' ->> 'mobile' is not null
        or jsonb_typeof(correction) = 'object'
        or exists (select from decisions where review_id = reviews.id and note || days_reason <> '')
        or exists (select from first_approvals where review_id = reviews.id and days_reason <> '')
        or exists (select from watchlist_matches where review_id = reviews.id))""",
    "issuance": """
      select count(*) from applications where erased and (mobile is not null or exists (
        select from passes where passes.application_id = applications.application_id
          and num_nonnulls(personal, idc, link_code) > 0))""",
    "notify": """
      select count(*) from applications where erased_at is not null and (mobile_sealed is not null or exists (
        select from messages where messages.application_id = applications.id
          and num_nonnulls(messages.personal, messages.email_sealed, messages.recipient) > 0))""",
    "verify": """
      select count(*) from erased_applications as known where exists (
        select from passes where passes.application_id = known.application_id and (
          jsonb_typeof(visitors) = 'object' or id_commitments <> '{}'
          or exists (select from scans where pass_number = passes.number and scans.reason is not null)
          or exists (select from gate_incidents as one
            where one.pass_number = passes.number and one.reason is not null)))""",
}
"""How many applications have something personal left although they are marked as erased.

Ops may read no such column. It calls a function of the owner, which tells the number alone.
"""
_COUNT_STILL_NAMED = """
CREATE OR REPLACE FUNCTION erased_and_still_named() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $count${query}$count$
""".strip()
_CONNECT = """
DO $$ BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO {roles}', current_database());
END $$
""".strip()
_SERVICE = """
DO $$ DECLARE
  one regclass;
  rights text;
  columns text;
  routine regprocedure;
BEGIN
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  GRANT USAGE ON SCHEMA public TO {role};
  FOR one IN SELECT oid FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
  LOOP
    rights := CASE one::text{cases} END;
    EXECUTE format('REVOKE ALL ON %s FROM {role}', one);
    IF rights IS NOT NULL THEN
      SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
        WHERE attrelid = one AND attnum > 0 AND NOT attisdropped
          AND (attname <> 'position' OR pg_get_serial_sequence(one::text, attname) IS NULL);
      rights := replace(rights, 'INSERT', format('INSERT (%s)', columns));
      EXECUTE format('GRANT %s ON %s TO {role}', rights, one);
    END IF;
  END LOOP;
  FOR one IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' LOOP
    EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM {role}', one);
    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO {role}', one);
  END LOOP;
  FOR routine IN SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', routine);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO {role}', routine);
  END LOOP;
END $$
""".strip()
"""One statement, so that a process that runs meanwhile never lacks a right that it has.

Sequences give positions (``nextval``). No service sets one back, or writes a position itself: the sealing of
its log would end with one above all that are to come.
"""
_RELAY = """
DO $$ BEGIN
  REVOKE ALL ON outbox FROM relay;
  GRANT SELECT, UPDATE (sent_at), DELETE ON outbox TO relay;
  GRANT SELECT (consumer, event_id) ON inbox TO relay;
  GRANT SELECT, INSERT, UPDATE ON destructive_jobs TO relay;
  ALTER TABLE destructive_jobs ENABLE ROW LEVEL SECURITY;
  DROP POLICY IF EXISTS each_job ON destructive_jobs;
  DROP POLICY IF EXISTS added_by_relay ON destructive_jobs;
  DROP POLICY IF EXISTS changed_by_relay ON destructive_jobs;
  CREATE POLICY each_job ON destructive_jobs USING (true);
  CREATE POLICY added_by_relay ON destructive_jobs AS RESTRICTIVE FOR INSERT TO relay
    WITH CHECK (job = 'purge_outbox');
  CREATE POLICY changed_by_relay ON destructive_jobs AS RESTRICTIVE FOR UPDATE TO relay
    USING (job = 'purge_outbox');
END $$
""".strip()
"""One statement, so that a relay that runs meanwhile never lacks a right."""


def role_of(service: str) -> str:
    """Return the role that a service runs as."""
    return f"{service}_app"


def of_service(service: str) -> Iterator[str]:
    """Yield the SQL that gives a service its `RIGHTS` in the tables that its database has by now.

    A partition is read and written through its table, and needs no right of its own.
    """
    cases = "".join(
        f"\n      WHEN '{table}' THEN '{', '.join(filter(None, ('SELECT', rights)))}'"
        for table, rights in RIGHTS[service].items()
    )
    yield _SERVICE.replace("{cases}", cases).replace("{role}", role_of(service))


def of_relay() -> Iterator[str]:
    """Yield the SQL that lets the relay empty the outbox and see in the inbox which events have arrived.

    Of both it changes ``sent_at`` alone, and adds nothing; it records when it emptied the outbox, and
    nothing of any other job.
    """
    yield "GRANT USAGE ON SCHEMA public TO relay"
    yield _RELAY


def of_ops(service: str) -> Iterator[str]:
    """Yield the SQL that lets ops count, and allow a job that was refused.

    It reads no name, number or word of anybody. For `epass affected` it reads which keyed person did what to
    which reference, and when which pass admits.
    """
    yield f"GRANT USAGE ON SCHEMA public TO {ROLE}"
    for table, columns in READABLE[service].items():
        yield f"GRANT SELECT ({columns}) ON {table} TO {ROLE}"
    if service in STILL_NAMED:
        yield f"GRANT EXECUTE ON FUNCTION erased_and_still_named() TO {ROLE}"
    yield f"GRANT UPDATE (allowed_at, allowed_by) ON destructive_jobs TO {ROLE}"


def statements(service: str) -> Iterator[str]:
    """Yield the SQL that lets these three connect, besides the owner, and grants them their rights.

    Running it again changes nothing.
    """
    yield _CONNECT.replace("{roles}", f"relay, ops, {role_of(service)}")
    if service in STILL_NAMED:
        yield _COUNT_STILL_NAMED.replace("{query}", STILL_NAMED[service])
        yield f"ALTER FUNCTION erased_and_still_named() OWNER TO {service}"  # a superuser may grant, too
    yield from of_service(service)
    yield from of_relay()
    yield from of_ops(service)
