"""Compression: what is compressed, and why that gives no secret away."""

from contracts.rpc.accounts.logins import LoginList, LoginView
from contracts.rpc.verify.manifests import Manifest, ManifestPass, ManifestSnapshot, OfflinePolicy
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.render import asset
from tests.support.factories.gateway import ISSUER, as_staff, at_gate, browsing


async def test_pages_styles_and_scripts_are_compressed_and_json_is_not() -> None:
    many = [
        LoginView(login_id=f"HOM-{number:04}", role="department", name="Harjit", issued_at=now())
        for number in range(50)
    ]
    async with browsing(accounts__list_logins=LoginList(items=tuple(many))) as (http, _):
        for path in ("/en/apply", asset("style.css"), asset("epass.js")):
            answer = await http.get(path)
            assert answer.headers["content-encoding"] == "gzip", path
            assert "accept-encoding" in answer.headers["vary"].lower()
        plain = await http.get("/en/apply", headers={"Accept-Encoding": "identity"})
        assert ("content-encoding" not in plain.headers, "<h1" in plain.text) == (True, True)
        for path in (asset("gurmukhi.woff2"), "/api/v1/logins"):
            answer = await http.get(path, headers=as_staff("ado"))
            assert (len(answer.content) > 5000, "content-encoding" in answer.headers) == (True, False), path


async def test_of_the_interface_only_the_manifest_of_a_gate_is_compressed() -> None:
    passes = tuple(
        ManifestPass(
            pass_=f"{number:08}", site="PCS1", party=1, entries=1, valid_from=now(), valid_to=now(),
            commitment_key="k" * 43,
        )
        for number in range(200)
    )  # fmt: skip
    whole = Manifest(snapshot=ManifestSnapshot(timeline=0, all_before=0, none_from=0),
        gate="PCS1-G1", site="PCS1", made_at=now(), issuer=ISSUER, passes=passes,
        offline=OfflinePolicy(green_s=900, amber_s=14_400, then="refuse"),
    )  # fmt: skip
    async with browsing(verify__manifest=whole) as (http, _):
        manifest = await http.get("/api/v1/gate/manifest?gate=PCS1-G1", headers=at_gate())
        session = await http.get("/api/v1/gate/session", headers=at_gate())
    assert len(manifest.json()["passes"]) == 200
    assert manifest.headers["content-encoding"] == "gzip"
    assert manifest.num_bytes_downloaded < len(manifest.content) / 5
    assert (session.status_code, "content-encoding" in session.headers) == (200, False)


async def test_a_page_reflects_only_declared_query_parameters_in_its_links() -> None:
    async with browsing() as (http, _):
        text = (await http.get("/en/sign-in?to=apply/visit&guess=secret&notice=x")).text
    assert 'href="/pa/sign-in?to=apply%2Fvisit"' in text
    assert "guess" not in text
