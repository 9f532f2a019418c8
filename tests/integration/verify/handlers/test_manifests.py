"""What a gate holds to go on without a network."""

import base64
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from contracts.commitment import commit
from contracts.errors import Forbidden, InvalidInput, TooManyAttempts
from contracts.events import DirectoryChanged, GateRules, PassIssued, SiteRecord
from contracts.list_digest import digest_of
from contracts.model import IST, Companion, Guardian, Official
from contracts.rpc.verify.manifests import ManifestPass, ManifestQuestion, PlateHit, PlateQuestion
from services.verify.handlers import manifests, previews
from services.verify.service import Service
from tests.support.factories.verify import (
    GATE,
    ISSUER,
    NOON,
    SETTINGS,
    VALID_FROM,
    VALID_TO,
    Gate,
    Issuer,
    applicant,
    calling,
    erased,
    gates_of,
    officer,
    pass_issued,
    pass_revoked,
    status_list,
    token_of,
)
from tests.support.stack.extent import few_of
from tests.support.stack.paths import ROOT

DAY = timedelta(days=1)
HITS = json.loads((ROOT / "contracts/samples/plate_hits.json").read_text(encoding="utf-8"))
"""When a plate is looked for, how many are inside with the pass that names it, and whether it is told."""


def numbers(gate: Gate, **question: object) -> list[str]:
    return [one.pass_ for one in gate.manifest(**question).passes]


def question(**changes: object) -> ManifestQuestion:
    return ManifestQuestion.model_validate({"gate": GATE} | changes)


def test_a_pass_is_listed_with_its_terms_its_people_and_its_state(gate: Gate) -> None:
    companion = Companion(name="Harjit Singh", id_type="driving_licence", id_last4="0917")
    issued = gate.issue(
        companion, entries=2, vehicle_allowed=True, assistance="wheelchair", officer="secretary"
    )
    gate.enter(issued, count=1)
    (one,) = gate.manifest().passes
    state = gate.row(issued)
    rest = {"id_commitments", "commitment_key", "applicant", "companions", "version"}
    assert one.model_dump(exclude=rest) == {
        "pass": issued.pass_number, "reference": issued.reference, "site": "PCS1", "gate": None, "party": 2,
        "entries": 2, "valid_from": VALID_FROM, "valid_to": VALID_TO, "further_days": (), "closed_days": (),
        "recurring": False, "revoked": False, "inside": 1, "admitted": 1, "day": 0, "admitted_before": 0,
        "presumed_gone_at": state.presumed_gone_at, "inside_since": NOON, "last_gate": GATE,
        "vehicle": "CH01AB1234", "vehicle_allowed": True, "assistance": "wheelchair", "department": "home",
        "officer": "secretary", "call_supervisor": False, "undelivered": False,
    }  # fmt: skip
    assert one.applicant is not None
    assert one.applicant.name_latin == "Gurpreet Kaur"
    assert [companion.name for companion in one.companions] == ["Harjit Singh"]


def test_a_vehicle_is_found_at_the_gates_of_its_pass_by_any_spelling_of_its_plate(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hits(typed: str, principal: Any = None, at: datetime = NOON, where: str = GATE) -> Any:
        asked = PlateQuestion(gate=where, plate=typed)
        with gate.database.transaction() as session:
            return manifests.find_by_plate(asked, calling(principal), session, at).items

    def found(*asked: Any, **more: Any) -> list[str]:
        return [one.pass_ for one in hits(*asked, **more)]

    mine, elsewhere = gate.issue(), gate.issue(gate="PCS1-G2")
    assert found("ch 1 ab 1234") == found("CH-01-AB-1234") == found("1234") == [mine.pass_number]
    assert found("CH01AB1235") == found("Gurpreet Kaur") == []
    assert found("1234", at=NOON + 2 * DAY) == [], "its day is over"
    gate.handle(pass_revoked(mine))
    assert found("1234") == []
    other = officer(gate="PCS1-G2")
    assert found("1234", other, where="PCS1-G2") == [elsewhere.pass_number]
    with pytest.raises(Forbidden):
        found("1234", other)
    monkeypatch.setattr(previews, "LIMIT", 3)
    with pytest.raises(TooManyAttempts):
        found("9999")


@pytest.mark.parametrize(("at", "inside", "is_named"), HITS)
def test_a_plate_tells_no_more_than_department_and_time_of_a_pass_that_is_not_open_now(
    gate: Gate, at: str, inside: int, is_named: bool
) -> None:
    issued = gate.issue()
    if inside:
        gate.enter(issued)
    with gate.database.transaction() as session:
        asked = PlateQuestion(gate=GATE, plate="1234")
        (hit,) = manifests.find_by_plate(asked, calling(), session, datetime.fromisoformat(at)).items
    named = PlateHit(
        pass_=issued.pass_number,
        reference=issued.reference,
        name_latin="Gurpreet Kaur",
        party=issued.party,
        vehicle="CH01AB1234",
    )
    closed = PlateHit(
        party=issued.party, department=issued.department, valid_from=VALID_FROM, valid_to=VALID_TO
    )
    assert hit == (named if is_named else closed)


def test_a_gate_is_told_that_more_passes_have_the_vehicle_than_it_is_shown(gate: Gate) -> None:
    def found() -> tuple[int, bool]:
        with gate.database.transaction() as session:
            asked = PlateQuestion(gate=GATE, plate="1234")
            hits = manifests.find_by_plate(asked, calling(), session, NOON)
        return len(hits.items), hits.is_cut

    for _ in range(8):
        gate.issue()
    assert found() == (8, False)
    gate.issue()
    assert found() == (8, True)


def test_the_gate_can_match_the_ids_of_a_pass_and_reads_no_number_in_it(gate: Gate) -> None:
    issued = gate.issue(Companion(name="Harjit Singh", id_type="driving_licence", id_last4="0917"))
    (one,) = gate.manifest().passes
    key = base64.urlsafe_b64decode(one.commitment_key + "=")
    assert set(one.id_commitments) == {
        commit(key, "voter_id", "4821"),
        commit(key, "driving_licence", "0917"),
    }
    shown = one.model_dump_json(exclude={"id_commitments", "commitment_key"})
    assert all(secret not in shown for secret in ("4821", "0917", "9876543210"))
    assert gate.issue().pass_number != issued.pass_number
    assert len({one.commitment_key for one in gate.manifest().passes}) == 2


def test_the_passes_are_those_of_today_at_this_site_and_of_whoever_is_inside(gate: Gate) -> None:
    today = gate.issue()
    for days in (-1, 1):
        later = days * DAY
        gate.issue(valid_from=VALID_FROM + later, valid_to=VALID_TO + later)
    gate.issue(site="PCS2")
    second = gate.issue(
        valid_from=VALID_FROM - 2 * DAY,
        valid_to=VALID_TO - 2 * DAY,
        further_days=(date(2026, 12, 3),),  # two days after the slot
    )
    closed = gate.issue(
        valid_from=VALID_FROM - DAY, valid_to=VALID_TO - DAY, closed_days=(date(2026, 12, 2),)
    )
    stays = gate.issue(valid_from=VALID_FROM - DAY, valid_to=VALID_TO - DAY)
    gate.enter(stays, at=NOON - DAY)
    listed = {second.pass_number, closed.pass_number, stays.pass_number, today.pass_number}
    assert set(numbers(gate)) == listed


def test_a_day_is_a_day_in_india(gate: Gate) -> None:
    midnight = NOON.astimezone(IST).replace(hour=0, minute=0)
    last = gate.issue(valid_from=midnight - timedelta(hours=2), valid_to=midnight + timedelta(seconds=1))
    gate.issue(valid_from=midnight - timedelta(hours=2), valid_to=midnight)
    first = gate.issue(valid_from=midnight + DAY - timedelta(seconds=1), valid_to=midnight + DAY)
    gate.issue(valid_from=midnight + DAY, valid_to=midnight + DAY + timedelta(hours=2))
    assert set(numbers(gate)) == {last.pass_number, first.pass_number}


def test_a_gate_holds_the_people_of_passes_that_it_may_let_in_or_out(gate: Gate) -> None:
    official = Official(organisation="PWD", designation="Engineer", employee_no="E-1")
    mother = Guardian(name="Manjit Kaur", relation="mother")
    here = gate.issue(person=applicant(official=official, guardian=mother))
    elsewhere, revoked, inside = gate.issue(gate="PCS1-G2"), gate.issue(), gate.issue()
    gate.enter(inside)
    gate.handle(pass_revoked(revoked), pass_revoked(inside))
    people = {one.pass_: one.applicant for one in gate.manifest().passes}
    assert people[elsewhere.pass_number] is None
    assert people[revoked.pass_number] is None
    assert people[inside.pass_number] is not None
    shown = people[here.pass_number]
    assert shown is not None
    assert (shown.name_latin, shown.official, shown.guardian) == ("Gurpreet Kaur", None, mother)


def test_erased_people_are_in_no_manifest(gate: Gate) -> None:
    issued = gate.issue()
    gate.handle(erased(issued))
    (one,) = gate.manifest().passes
    assert (one.applicant, one.companions, one.vehicle, one.id_commitments) == (None, (), None, ())


def test_a_pass_of_which_only_the_token_is_known_is_listed_without_people(gate: Gate) -> None:
    issued = pass_issued()
    gate.enter(token_of(issued))
    (one,) = gate.manifest().passes
    assert (one.pass_, one.reference, one.applicant, one.inside) == (issued.pass_number, None, None, 1)


def test_pages_have_no_gap_and_no_repeat(gate: Gate) -> None:
    listed = {gate.issue(valid_from=VALID_FROM + timedelta(minutes=n // 3)).pass_number for n in range(7)}
    seen, after = [], None
    for size in (3, 3, 1):
        page = gate.manifest(after=after, limit=3)
        assert len(page.passes) == size
        seen, after = [*seen, *(one.pass_ for one in page.passes)], page.next
    assert after is None
    assert set(seen) == listed
    assert len(seen) == 7
    with pytest.raises(InvalidInput):
        gate.manifest(after="x")


def test_it_has_the_keys_the_gates_and_the_age_of_what_it_says(gate: Gate) -> None:
    old, new = Issuer("k0"), Issuer("k2")
    gate.tell_keys(ISSUER, old, at=NOON - timedelta(minutes=2))
    gate.tell_keys(ISSUER, new, withdrawn=("k0",), at=NOON - timedelta(minutes=1))
    gate.handle(gates_of("PCS1", GATE, "PCS1-G2"), status_list())
    found = gate.manifest()
    assert [key.kid for key in found.keys] == ["k1", "k2"]
    assert found.keys[0] == ISSUER.public
    assert (found.withdrawn, found.gates, found.issuer) == (("k0",), (GATE, "PCS1-G2"), SETTINGS.issuer)
    assert (found.gate, found.site, found.made_at, found.complete_at) == (GATE, "PCS1", NOON, NOON)
    assert found.offline.model_dump() == {"green_s": 900, "amber_s": 14_400, "then": "refuse"}


def test_only_security_of_a_gate_reads_its_manifest(gate: Gate) -> None:
    gate.issue()
    for principal, asked in (
        (officer(), "PCS1-G2"),
        (officer(site="PCS2", gate=None), GATE),
        (officer(role="ado"), GATE),
    ):
        with pytest.raises(Forbidden):
            gate.manifest(principal, gate=asked)
    assert len(gate.manifest(officer(gate=None), gate="PCS1-G2").passes) == 1


def test_a_gate_that_does_not_exist_has_no_manifest(gate: Gate) -> None:
    gate.handle(gates_of("PCS1", GATE))
    with pytest.raises(InvalidInput) as refused:
        gate.manifest(officer(gate=None), gate="PCS1-G9")
    assert refused.value.body.code == "unknown_gate"


def test_each_read_of_a_manifest_is_in_the_audit_log(gate: Gate) -> None:
    service = Service()
    service.db, service.settings = gate.database, SETTINGS
    for _ in range(3):
        gate.issue()
    service.manifest(question(limit=2), calling())
    with pytest.raises(Forbidden):
        service.manifest(question(gate="PCS1-G2"), calling())
    with gate.database.transaction() as session:
        recorded = session.execute(
            text("select actor, action, objects, result from audit_log order by position")
        )
        assert [tuple(row) for row in recorded] == [
            ("SEC-0001", "manifest", [GATE], "done"),
            ("SEC-0001", "manifest", [], "not_your_gate"),
        ]


def test_the_manifest_has_what_the_site_chose_and_whom_the_gate_telephones(gate: Gate) -> None:
    usual = gate.manifest()
    assert (usual.offline.green_s, usual.offline.amber_s, usual.offline.then) == (900, 14_400, "refuse")
    rules = GateRules(green=5, amber=60, then="supervisor", security_phone="0172-5550102")
    record = SiteRecord(code="PCS1", name={}, address={}, gates=(GATE,), hours=(), gate_rules=rules)
    gate.handle(DirectoryChanged(site=record), seq=2)
    chosen = gate.manifest()
    assert (chosen.offline.green_s, chosen.offline.amber_s, chosen.offline.then) == (300, 3_600, "supervisor")
    assert (chosen.telephones.reception, chosen.telephones.security) == ("", "0172-5550102")
    gate.handle(gates_of("PCS1", GATE), seq=3)
    assert gate.manifest().offline == usual.offline


class HeldList:
    """What a gate's app holds, as it applies the answers: the app's own tests have the same rules."""

    def __init__(self, gate: Gate, asked: str = GATE) -> None:
        self.gate, self.asked = gate, asked
        self.passes: dict[str, ManifestPass] = {}
        self.revision: str | None = None
        self.wholes = self.deltas = self.mismatches = 0

    def fetch(self, at: datetime = NOON, between: Callable[[], object] = lambda: None) -> None:
        """Fetch what has changed; the whole, page by page, where the digest is not right."""
        answer = self.gate.manifest(officer(gate=None), at=at, gate=self.asked, since=self.revision, limit=3)
        if answer.base is not None:
            assert (answer.base, answer.next) == (self.revision, None)
            changed = {one.pass_: one for one in answer.passes}
            after = {
                number: one for number, one in self.passes.items() if number not in answer.gone
            } | changed
            if digest_of(f"{one.pass_}:{one.version}" for one in after.values()) == answer.digest:
                self.passes, self.revision, self.deltas = after, answer.revision, self.deltas + 1
                return
            self.mismatches += 1
            answer = self.gate.manifest(officer(gate=None), at=at, gate=self.asked, limit=3)
        self.wholes += 1
        self.passes, self.revision = {}, answer.revision
        while True:
            self.passes |= {one.pass_: one for one in answer.passes}
            if answer.next is None:
                return
            between()
            answer = self.gate.manifest(
                officer(gate=None), at=at, gate=self.asked, after=answer.next, limit=3
            )

    def whole(self, at: datetime = NOON) -> dict[str, ManifestPass]:
        """Return what a gate holds that fetches everything now."""
        fresh = HeldList(self.gate, self.asked)
        fresh.fetch(at)
        return fresh.passes


def moved(issued: PassIssued, days: int, **changes: Any) -> PassIssued:
    """The pass with another first day."""
    window = {"valid_from": VALID_FROM + days * DAY, "valid_to": VALID_TO + days * DAY}
    return issued.model_copy(update=window | changes)


@pytest.mark.parametrize("seed", few_of(range(8)))
def test_deltas_make_what_a_whole_fetch_makes_whatever_has_happened(gate: Gate, seed: int) -> None:
    """Passes are issued, moved to other days and sites, revoked, erased, used; gates fetch in between."""
    chance, seq = Random(seed), iter(range(2, 10_000))
    issued = [gate.issue() for _ in range(6)]
    held = [HeldList(gate), HeldList(gate, "PCS1-G2")]

    def change() -> None:
        one = chance.choice(issued)
        match chance.randrange(9):
            case 0 | 1:
                issued.append(gate.issue(site=chance.choice(("PCS1", "PCS1", "PCS2"))))
            case 2:
                gate.handle(moved(one, chance.randrange(-2, 3)), seq=next(seq))
            case 3:
                gate.handle(moved(one, 0, gate=chance.choice((None, GATE, "PCS1-G2"))), seq=next(seq))
            case 4:
                gate.handle(moved(one, 0, site=chance.choice(("PCS1", "PCS2"))), seq=next(seq))
            case 5:
                gate.handle(pass_revoked(one), seq=next(seq))
            case 6:
                gate.handle(erased(one))
            case 7:
                gate.enter(one)
            case 8:
                gate.leave(one)

    for _ in range(40):
        for _ in range(chance.randrange(4)):
            change()
        one = chance.choice(held)
        one.fetch(between=change)
        if chance.random() < 0.3:
            one.fetch()
            assert one.passes == one.whole()
    assert min(one.deltas for one in held) > 5
    assert max(one.mismatches for one in held) <= 12, (
        "only where a pass has left for a later day or another site"
    )


def test_what_a_transaction_does_that_ends_after_a_fetch_is_in_the_next_one(gate: Gate) -> None:
    held, late, early = HeldList(gate), gate.issue(), gate.issue()
    with gate.database.transaction() as session:
        session.execute(
            text("update passes set inside = 1 where number = :number"), {"number": late.pass_number}
        )
        gate.handle(pass_revoked(early))
        held.fetch()
        assert held.passes[early.pass_number].revoked
        assert held.passes[late.pass_number].inside == 0
    held.fetch()
    assert (held.deltas, held.passes[late.pass_number].inside) == (1, 1)


def test_where_nothing_has_changed_a_delta_names_no_pass(gate: Gate) -> None:
    gate.issue()
    held = HeldList(gate)
    held.fetch()
    answer = gate.manifest(since=held.revision)
    assert (answer.base, answer.passes, answer.gone) == (held.revision, (), ())
    assert answer.made_at == NOON


def test_a_revoked_a_moved_and_a_left_pass_do_not_survive_in_a_gate(gate: Gate) -> None:
    revoked, shifted, left = (
        gate.issue(),
        gate.issue(),
        gate.issue(valid_from=VALID_FROM - DAY, valid_to=VALID_TO - DAY),
    )
    gate.enter(left, at=NOON - DAY)
    held = HeldList(gate)
    held.fetch()
    assert set(held.passes) == {revoked.pass_number, shifted.pass_number, left.pass_number}
    gate.handle(pass_revoked(revoked))
    gate.handle(moved(shifted, -2), seq=2)
    gate.leave(left)
    held.fetch()
    assert (held.deltas, held.mismatches) == (1, 0)
    assert list(held.passes) == [revoked.pass_number]
    assert held.passes[revoked.pass_number].revoked
    assert held.passes[revoked.pass_number].applicant is None


def test_a_pass_that_was_moved_to_a_later_day_is_found_by_the_digest(gate: Gate) -> None:
    gone = gate.issue()
    held = HeldList(gate)
    held.fetch()
    gate.handle(moved(gone, 1), seq=2)
    held.fetch()
    assert (held.mismatches, held.passes) == (1, {})


def test_a_gate_learns_no_number_of_a_pass_of_the_coming_days(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldList(gate)
    held.fetch()
    monkeypatch.setattr(manifests, "MOST_CHANGED", 1)
    for days in (1, 1, 7):
        gate.issue(valid_from=VALID_FROM + days * DAY, valid_to=VALID_TO + days * DAY)
    today = gate.issue()
    answer = gate.manifest(since=held.revision)
    assert (answer.base, answer.gone) == (held.revision, ())
    assert [one.pass_ for one in answer.passes] == [today.pass_number], "they use up no answer either"


OTHER_RELEASE = "0.1.0/PCS1-G1/2026-12-01/1/9"


def test_a_gate_that_names_no_revision_of_ours_gets_the_whole(gate: Gate) -> None:
    gate.issue()
    for since in ("", "x", "////", "a/b/c/d/e", OTHER_RELEASE, "é/é/é/é/é", "9" * 120):
        answer = gate.manifest(since=since)
        assert (answer.base, len(answer.passes)) == (None, 1), since


def test_a_revision_is_of_a_day_a_gate_a_release_a_timeline_and_of_the_past(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.issue()
    revision = gate.manifest().revision
    assert revision is not None
    *same, timeline, horizon = revision.split("/")
    later = "/".join((*same, timeline, str(int(horizon) + 1_000)))
    promoted = "/".join((*same, str(int(timeline) + 1), horizon))
    assert gate.manifest(since=revision).base == revision
    assert gate.manifest(since=revision, at=NOON + DAY).base is None
    assert gate.manifest(officer(gate=None), since=revision, gate="PCS1-G2").base is None
    assert gate.manifest(since=later).base is None
    assert gate.manifest(since=promoted).base is None
    monkeypatch.setattr(manifests, "RELEASE", "99.0.0")
    assert gate.manifest(since=revision).base is None


def test_a_gate_that_lacks_very_many_passes_gets_the_whole(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = gate.manifest().revision
    monkeypatch.setattr(manifests, "MOST_CHANGED", 3)
    for count in range(1, 5):
        gate.issue()
        assert gate.manifest(since=revision).base == (revision if count <= 3 else None)
