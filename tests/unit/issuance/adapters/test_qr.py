"""The picture: small enough for any gate, readable by a decoder that did not draw it, harmless in a page."""

import base64
import io
import xml.etree.ElementTree as ET
from datetime import timedelta
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from contracts.model import MOST_DAYS
from contracts.tokens import PASS_TYP
from services.chassis.tokens.signing_key import SigningKey
from services.issuance.adapters import qr
from services.issuance.domain.passes import new_pass
from tests.support.factories.issuance import SETTINGS, TEN_TO_TWELVE, approved

KEY = SigningKey.generate()
SVG = "{http://www.w3.org/2000/svg}"


def token_of(**changes: Any) -> str:
    further = tuple(TEN_TO_TWELVE.day + timedelta(days=later) for later in range(1, MOST_DAYS))
    facts = {"gate": "PCS1-G1", "entries": 20, "party": 51, "further_days": further} | changes
    made = new_pass(approved(**facts), "7K3M9QW4", "l" * 22, margin_minutes=30, master="master")
    return KEY.sign(made.claims(SETTINGS.issuer).payload(), PASS_TYP)


def rendered(kind: Any, scale: int = 8, **changes: Any) -> bytes:
    return base64.b64decode(qr.picture(token_of(**changes), kind, scale).base64)


def test_a_qr_code_with_all_claims_is_at_most_version_15_at_level_m() -> None:
    token = token_of()
    code = qr.code_of(token)

    assert len(token) <= 407
    assert (code.error, code.mask, code.is_micro) == ("M", qr.MASK, False)
    assert int(code.version) <= 15


def test_a_token_with_a_name_would_exceed_version_15() -> None:
    """The negative of the test above: a name in Gurmukhi would make the picture larger than a gate wants."""
    name = KEY.sign({"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ"} | {"token": token_of()[:260]}, PASS_TYP)

    assert int(qr.code_of(name).version) > 15


@pytest.mark.parametrize("scale", [2, 8, 20])
def test_another_decoder_reads_the_token_from_the_png(scale: int) -> None:
    with Image.open(io.BytesIO(rendered("png", scale))) as image:
        found = zxingcpp.read_barcodes(image)
        size = image.size

    assert [(code.text, code.format.name) for code in found] == [(token_of(), "QRCode")]
    modules = qr.code_of(token_of()).symbol_size(border=4)[0]
    assert size == (modules * scale, modules * scale)


def test_the_quiet_zone_is_four_modules_on_every_side() -> None:
    with Image.open(io.BytesIO(rendered("png", 2))) as image:
        grey = image.convert("L")
        inked = grey.point(lambda level: 255 - level).getbbox()

    assert inked == (8, 8, grey.width - 8, grey.height - 8)


def test_the_svg_scales_by_its_view_box_and_contains_no_script() -> None:
    text = rendered("svg").decode()
    root = ET.fromstring(text)
    side = str(qr.code_of(token_of()).symbol_size(border=4)[0])

    assert root.tag == f"{SVG}svg"
    assert root.attrib == {"viewBox": f"0 0 {side} {side}"}
    assert {element.tag for element in root.iter()} == {f"{SVG}svg", f"{SVG}path"}
    assert not any(
        name.startswith("on") or "href" in name for element in root.iter() for name in element.attrib
    )


def test_the_svg_is_the_same_at_every_scale() -> None:
    assert rendered("svg", 2) == rendered("svg", 20)


def test_a_picture_is_rendered_once_while_it_is_cached() -> None:
    qr._render.cache_clear()
    first, again, other = rendered("png"), rendered("png"), rendered("png", party=2)

    assert first == again != other
    assert (qr._render.cache_info().hits, qr._render.cache_info().misses) == (1, 2)


def test_a_picture_has_its_content_type() -> None:
    assert [qr.picture(token_of(), kind).content_type for kind in ("svg", "png")] == [
        "image/svg+xml",
        "image/png",
    ]
