"""Who sees a pass and what: through the RPCs as the gateway calls them, short of the broker."""

import io
from datetime import datetime, timedelta

import pytest
import zxingcpp
from PIL import Image

from contracts.errors import NotFound
from contracts.model import SHORT_LINK, Companion, Guardian, Official
from contracts.rpc.call import Nothing, Principal
from contracts.rpc.issuance import (
    Jwks,
    LinkCode,
    PassNumber,
    PassView,
    QrQuestion,
    ReissuePass,
    ShortLink,
    StatusList,
)
from contracts.tokens import PASS_TYP, PassClaims
from services.chassis.runtime.clock import now
from services.issuance.handlers import views
from tests.support.factories.issuance import (
    MOBILE,
    NOW,
    SETTINGS,
    VALID_TO,
    applicant,
    approved,
    as_view,
    calling,
    cancelled,
    citizen,
    deliver,
    erased,
    issue,
    picture_bytes,
    service_on,
    staff,
    tomorrow,
    verified,
)


@pytest.fixture
def service(database):
    return service_on(database)


def keys(service) -> Jwks:
    return Jwks.model_validate(service.jwks(Nothing(), calling()))


def seen(database, number: str, at=NOW):
    with database.transaction() as session:
        return views.view(PassNumber(number=number), calling(), session, at, SETTINGS)


def test_the_token_is_verified_by_another_library_with_the_key_from_the_jwks(service, database) -> None:
    row = issue(
        database, approved(Companion(name="Simran", child=True), gate="PCS1-G1", entries=2, slot=tomorrow())
    )

    shown = as_view(service.view(PassNumber(number=row.number), calling()))

    token = verified(shown.token, keys(service))
    assert token.header == {"alg": "EdDSA", "kid": row.kid, "typ": PASS_TYP}
    assert len(row.kid) <= 8
    claims = PassClaims.model_validate(token.claims)
    assert token.claims == claims.payload()
    assert (claims.jti, claims.site, claims.gate, claims.party, claims.entries) == (
        row.number,
        "PCS1",
        "PCS1-G1",
        2,
        2,
    )
    assert (claims.nbf, claims.exp) == (int(row.valid_from.timestamp()), int(row.valid_to.timestamp()))
    assert claims.idc == row.idc
    assert claims.nbf > now().timestamp()


def test_the_applicant_sees_the_whole_pass_without_the_last_four_of_id_cards(service, database) -> None:
    approval = approved(
        Companion(name="Harjit Singh", id_type="pan", id_last4="0917"), slot=tomorrow(), vehicle_allowed=True
    )
    row = issue(database, approval)

    shown = as_view(service.view(PassNumber(number=row.number), calling()))

    assert (shown.number, shown.reference, shown.state, shown.replaced_by) == (
        row.number,
        approval.reference,
        "issued",
        None,
    )
    hidden = {"id_last4": None}
    assert shown.applicant == approval.personal.applicant.model_copy(update=hidden)
    assert shown.companions == (approval.personal.companions[0].model_copy(update=hidden),)
    assert (shown.vehicle, shown.vehicle_allowed, shown.slot, shown.department) == (
        "CH01AB1234",
        True,
        approval.slot,
        "home",
    )


def test_a_pass_number_may_be_typed_in_lower_case_with_blanks_and_hyphens(service, database) -> None:
    number = issue(database).number

    shown = as_view(
        service.view(PassNumber(number=f" {number[:4].lower()}-{number[4:].lower()} "), calling())
    )

    assert shown.number == number


def test_another_persons_pass_and_an_unknown_number_are_refused_alike(service, database) -> None:
    number = issue(database).number
    refusals = set()
    for principal in (
        citizen("+919876543211"),
        citizen(None),
        Principal(),
        Principal(mobile=MOBILE),
        staff(site="PCS2"),
        *(staff(role) for role in ("security", "department", "ado", "ops", "auditor")),
    ):
        for asked in (number, "0000000D"):
            with pytest.raises(NotFound) as refusal:
                service.view(PassNumber(number=asked), calling(principal))
            refusals.add(refusal.value.body.model_dump_json())
            with pytest.raises(NotFound) as refusal:
                service.qr(QrQuestion(number=asked, format="png"), calling(principal))
            refusals.add(refusal.value.body.model_dump_json())
    assert len(refusals) == 1


def test_the_reception_sees_a_pass_to_print_it(service, database) -> None:
    row = issue(database, approved(person=applicant(mobile=None)))

    shown = as_view(service.view(PassNumber(number=row.number), calling(staff())))
    assert (shown.number, shown.applicant.id_last4) == (row.number, "4821")
    with pytest.raises(NotFound):
        service.view(PassNumber(number=row.number), calling(citizen(None)))


def test_a_link_shows_the_pass_without_contacts_and_id_numbers(service, database) -> None:
    official = Official(organisation="PWD", designation="Engineer", employee_no="E-77")
    person = applicant(official=official, guardian=Guardian(name="Manjit Kaur", relation="mother"))
    row = issue(
        database,
        approved(
            Companion(name="Harjit Singh", id_type="pan", id_last4="0917"), person=person, slot=tomorrow()
        ),
    )

    answer = service.view_by_link(LinkCode(code=row.link_code), calling())

    shown = as_view(answer)
    assert (shown.number, shown.state, shown.applicant.name, shown.applicant.id_type) == (
        row.number,
        "issued",
        person.name,
        "voter_id",
    )
    assert verified(shown.token, keys(service)).claims["jti"] == row.number
    for secret in (MOBILE, "gurpreet@example.org", "4821", "0917", "E-77", "Manjit"):
        assert secret not in str(answer).replace(shown.token, "")


def test_names_leave_the_page_behind_the_link_a_day_after_the_visit(database) -> None:
    row = issue(database, approved(Companion(name="Harjit Singh", child=True)))
    day = timedelta(days=1)

    def behind_link(at: datetime) -> PassView:
        with database.transaction() as session:
            return views.view_by_link(LinkCode(code=row.link_code), calling(), session, at, SETTINGS)

    named, unnamed = behind_link(VALID_TO + day - timedelta(seconds=1)), behind_link(VALID_TO + day)
    assert (named.applicant.name_latin, named.companions[0].name) == ("Gurpreet Kaur", "Harjit Singh")
    assert (unnamed.applicant.name, unnamed.applicant.name_latin, unnamed.applicant.id_type) == ("", "", None)
    assert (unnamed.companions, unnamed.vehicle, unnamed.party) == ((), None, 2)
    assert seen(database, row.number, VALID_TO + day).applicant.name_latin == "Gurpreet Kaur", "by sign-in"


def test_an_unknown_link_and_a_pass_number_are_no_links(service, database) -> None:
    for code in ("x" * 22, "_", issue(database).number):
        for method in (service.view_by_link, service.qr_by_link):
            with pytest.raises(NotFound):
                method(LinkCode(code=code), calling())


def test_the_short_link_of_an_sms_leads_to_the_whole_one(service, database) -> None:
    row, _other = issue(database), issue(database)
    asked = ShortLink(code=row.link_code[:SHORT_LINK])
    assert service.whole_link(asked, calling()) == {"code": row.link_code}
    for wrong in (row.link_code, row.link_code[:9], row.link_code[:9] + "_", row.number):
        with pytest.raises(NotFound):
            service.whole_link(ShortLink(code=wrong), calling())


def test_the_state_of_a_pass_is_computed_at_the_time_of_the_call(database) -> None:
    approval = approved()
    row = issue(database, approval)

    assert seen(database, row.number).state == "issued"
    assert seen(database, row.number, VALID_TO).state == "expired"
    deliver(database, cancelled(approval))
    assert seen(database, row.number).state == "revoked"


def test_a_revoked_pass_shows_its_reason_by_link_too(service, database) -> None:
    approval = approved(slot=tomorrow())
    row = issue(database, approval)
    assert as_view(service.view_by_link(LinkCode(code=row.link_code), calling())).revocation is None

    deliver(database, cancelled(approval))

    assert as_view(service.view_by_link(LinkCode(code=row.link_code), calling())).revocation == "cancelled"


def test_the_applicant_sees_which_pass_replaced_theirs(service, database) -> None:
    old = issue(database, approved(slot=tomorrow()))
    new = as_view(service.reissue(ReissuePass(number=old.number), calling(key="k")))

    shown = as_view(service.view(PassNumber(number=old.number), calling()))

    assert (shown.state, shown.replaced_by) == ("revoked", new.number)
    assert new.number != old.number


def test_the_png_contains_the_token(service, database) -> None:
    row = issue(database)
    token = seen(database, row.number).token

    answer = service.qr(QrQuestion(number=row.number, format="png", scale=6), calling())

    assert answer["content_type"] == "image/png"
    with Image.open(io.BytesIO(picture_bytes(answer))) as image:
        assert [code.text for code in zxingcpp.read_barcodes(image)] == [token]


def test_the_svg_is_the_same_by_number_and_by_link(service, database) -> None:
    row = issue(database)

    by_number = service.qr(QrQuestion(number=row.number, format="svg"), calling())
    by_link = service.qr_by_link(LinkCode(code=row.link_code), calling())

    assert by_number == by_link
    assert picture_bytes(by_link).startswith(b"<svg ")


def test_a_revoked_pass_still_has_a_qr_code_because_an_exit_is_never_refused(service, database) -> None:
    approval = approved()
    row = issue(database, approval)
    deliver(database, cancelled(approval))

    assert picture_bytes(service.qr(QrQuestion(number=row.number, format="png"), calling()))


def test_an_erased_pass_is_seen_by_nobody(service, database) -> None:
    approval = approved()
    row = issue(database, approval)
    deliver(database, erased(approval))

    for principal in (citizen(), staff()):
        with pytest.raises(NotFound):
            service.view(PassNumber(number=row.number), calling(principal))
    with pytest.raises(NotFound):
        service.view_by_link(LinkCode(code=row.link_code), calling())


def test_the_first_call_for_keys_or_the_list_makes_the_key(service) -> None:
    (key,) = keys(service).keys
    signed = StatusList.model_validate(service.status_list(Nothing(), calling()))

    assert verified(signed.jws, keys(service)).header["kid"] == key.kid
    assert keys(service).keys == (key,)
