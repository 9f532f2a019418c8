"""The shell of the gate's app: who gets it, what it may do, and what it says."""

import json
import re
from html import unescape

import pytest

from services.chassis.runtime.clock import now
from services.gateway.pages.gate_app.texts import PROBLEMS, TEXTS, texts_of_app
from services.gateway.pages.shared.languages import LANGUAGES
from tests.support.factories.gateway import as_staff, browsing, claims, signed
from tests.support.factories.pages import session
from tests.support.stack.paths import ROOT
from tests.support.system.page_reader import SAME_SITE

APP = ROOT / "web/gate/app"
SCRIPTS = {path.name: path.read_text() for path in APP.glob("*.ts")}


async def test_the_shell_is_for_security_alone_and_without_a_session_it_leads_to_the_sign_in() -> None:
    async with browsing() as (http, _):
        assert (await http.get("/gate", headers=as_staff("security"))).status_code == 200
        assert (await http.get("/gate", headers=as_staff("department"))).status_code == 403
        answer = await http.get("/gate", headers={"Accept-Language": "en-IN"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/en/staff/sign-in")


@pytest.mark.parametrize(("opened", "home"), [(True, "/gate"), (False, "/hi/gate")])
async def test_signing_in_leads_back_to_the_app_on_a_device_that_has_opened_it(
    opened: bool, home: str
) -> None:
    token = signed(claims("staff", sub="SEC-0001", role="security", site="PCS1", department=None))
    async with browsing(
        accounts__log_in=session(access_token=token, role="security", expires_at=now().replace(year=2099))
    ) as (http, _):
        if opened:
            await http.get("/gate")
        form = {"login_id": "SEC-0001", "password": "four words together"}
        answer = await http.post("/hi/staff/sign-in", data=form, headers=SAME_SITE)
    assert (answer.status_code, answer.headers["location"]) == (303, home)


async def test_only_the_app_and_its_decoder_may_compile_webassembly() -> None:
    async with browsing() as (http, _):
        for path, allowed in {
            "/gate": True,
            "/gate/decoder.js": True,
            "/gate/worker.js": False,
            "/hi": False,
        }.items():
            answer = await http.get(path, headers=as_staff("security"))
            assert ("wasm-unsafe-eval" in answer.headers["content-security-policy"]) == allowed, path
            assert "'unsafe-eval'" not in answer.headers["content-security-policy"]
            assert "default-src 'self'" in answer.headers["content-security-policy"]


async def test_the_shell_holds_nothing_of_whoever_opens_it() -> None:
    async with browsing() as (http, _):
        one = await http.get("/gate", headers=as_staff("security"))
        other = await http.get("/gate", headers=as_staff("security", site="PCS2", gate="PCS2-G1"))
    assert one.text == other.text
    assert "SEC-0001" not in one.text


async def test_the_worker_stores_the_shell_and_files_that_exist_and_no_answer_of_the_interface() -> None:
    async with browsing() as (http, _):
        worker = await http.get("/gate/worker.js")
        assert worker.headers["service-worker-allowed"] == "/gate"
        [found] = re.findall(r"^const STORED = (.+);$", worker.text, re.MULTILINE)
        stored = json.loads(found)
        assert stored["shell"] == "/gate"
        assert not [path for path in stored["files"] if path.startswith("/api/")]
        for path in stored["files"]:
            assert (await http.get(path)).status_code == 200, path
        shell = (await http.get("/gate", headers=as_staff("security"))).text
    needed = re.findall(r'(?:src|href)="(/static/built/[^"]+)"', shell)
    assert set(needed) <= set(stored["files"])


async def test_a_browser_that_takes_brotli_gets_the_decoder_so() -> None:
    async with browsing() as (http, _):
        shell = (await http.get("/gate", headers=as_staff("security"))).text
        [path] = re.findall(r"/static/built/decoder-[A-Z0-9]{8}\.wasm", shell)
        small = await http.get(path, headers={"Accept-Encoding": "gzip, br"})
        plain = await http.get(path, headers={"Accept-Encoding": "identity"})
    assert (small.headers["content-encoding"], small.headers["content-type"]) == ("br", "application/wasm")
    assert int(small.headers["content-length"]) < len(plain.content) / 2
    assert plain.content.startswith(b"\0asm")
    assert small.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert "immutable" in small.headers["cache-control"]


async def test_the_manifest_lets_a_device_install_the_app() -> None:
    async with browsing() as (http, _):
        answer = await http.get("/gate/site.webmanifest")
        manifest = answer.json()
        assert answer.headers["content-type"] == "application/manifest+json"
        assert (manifest["start_url"], manifest["scope"], manifest["display"]) == (
            "/gate",
            "/gate",
            "standalone",
        )
        for icon in manifest["icons"]:
            assert (await http.get(icon["src"])).status_code == 200


async def test_the_plain_page_leads_to_the_app_and_back() -> None:
    async with browsing() as (http, _):
        plain = await http.get("/pa/gate", headers=as_staff("security"))
        shell = await http.get("/gate", headers=as_staff("security"))
    assert 'href="/gate"' in plain.text
    assert 'href="/hi/gate"' in shell.text
    assert "/gate`" in SCRIPTS["menu.ts"]


def test_the_app_asks_for_texts_that_exist_and_for_all_of_them() -> None:
    everything = "".join(SCRIPTS.values())
    asked = set(re.findall(r'\bt\(\s*"(\w+)"', everything))
    assert asked <= set(TEXTS)
    unused = {key for key in TEXTS if f'"{key}"' not in everything}
    assert unused == set()
    words = texts_of_app()
    counted = set(re.findall(r'\bcounted\("(\w+)"', everything))
    assert counted == set(words["en"]["counted"])


def test_the_guard_reads_a_sentence_for_each_problem_that_the_app_finds() -> None:
    core = [path.read_text() for path in (ROOT / "web/gate/core").glob("*.ts")]
    found = {code for source in core for code in re.findall(r'new GateProblem\("(\w+)"', source)}
    assert len(found) > 10
    assert found - PROBLEMS.keys() == set()
    assert PROBLEMS["unknown_gate"] == "This secretariat has no such gate"


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)", text))


def test_every_language_has_the_same_texts_and_placeholders() -> None:
    words = texts_of_app()
    for language in LANGUAGES:
        mine = words[language]
        assert mine["texts"].keys() == TEXTS.keys()
        assert mine["problems"].keys() == PROBLEMS.keys()
        assert [len(mine[name]) for name in ("months", "hours")] == [12, 24]
        assert all("%(time)s" in hour for hour in mine["hours"])
        for key, text in mine["texts"].items():
            assert placeholders(text) == placeholders(TEXTS[key]), key
    assert words["hi"]["hours"][9] == "सुबह %(time)s बजे"
    assert unescape(words["en"]["span"]) == "%(start)s – %(end)s"


async def test_the_app_is_told_when_it_locks_and_how_long_it_keeps_names_and_is_a_new_version_then() -> None:
    versions = []
    for given in ({}, {"gate_lock_minutes": 5, "gate_keep_hours": 12}):
        async with browsing(given) as (http, _):
            shell = unescape((await http.get("/gate", headers=as_staff("security"))).text)
            told = re.findall(r'"(?:keep_hours|lock_minutes)": (\d+)', shell)
            assert sorted(told) == (["12", "5"] if given else ["10", "6"])
            versions.append(re.findall(r'"version": "(\w+)"', (await http.get("/gate/worker.js")).text))
    assert versions[0] != versions[1]
