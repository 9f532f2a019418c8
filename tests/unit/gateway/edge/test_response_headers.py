"""Security headers and Cache-Control of every response."""

from services.gateway.pages.shared.render import asset
from tests.support.factories.gateway import browsing


async def test_every_response_has_the_security_headers() -> None:
    async with browsing() as (http, _):
        for path in ("/", "/en", "/api/v1/sites", "/nothing", "/static/icon.svg", "/p/abc"):
            headers = (await http.get(path)).headers
            assert "default-src 'self'" in headers["content-security-policy"], path
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "unsafe-inline" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            allowed = set(headers["permissions-policy"].split(", "))
            assert allowed >= {"camera=()", "microphone=()", "geolocation=()", "payment=()", "usb=()"}
            assert all(one.endswith("=()") for one in allowed), path
            assert len(headers["x-request-id"]) == 32
            assert "strict-transport-security" not in headers
        assert (await http.get("/api/v1/sites")).headers["cache-control"] == "no-store"


async def test_the_camera_is_allowed_to_the_gates_app_and_the_counter_alone() -> None:
    async with browsing() as (http, _):
        for path, expected in {
            "/gate": True, "/pa/counter": True, "/en/counter/apply": True,
            "/en/gate": False, "/en/desk": False, "/gate/worker.js": False, "/en": False,
        }.items():  # fmt: skip
            allowed = (await http.get(path)).headers["permissions-policy"].split(", ")
            assert ("camera=(self)" in allowed) == expected, path
            assert [one for one in allowed if one.startswith("camera")] != []


async def test_a_site_served_over_https_sends_strict_transport_security() -> None:
    async with browsing(given={"public_url": "https://epass.test"}) as (http, _):
        sent = (await http.get("/")).headers["strict-transport-security"]
        assert sent == "max-age=31536000; includeSubDomains"


async def test_only_files_with_a_digest_in_their_name_may_be_cached_for_ever() -> None:
    async with browsing() as (http, _):
        for name in ("style.css", "epass.js", "gurmukhi.woff2"):
            assert (await http.get(asset(name))).headers[
                "cache-control"
            ] == "public, max-age=31536000, immutable"
        for path in ("/static/icon.svg", "/static/built/manifest.json"):
            assert (await http.get(path)).headers["cache-control"] == "no-cache", path
        assert (await http.get("/static/built/style-AAAAAAAA.css")).headers["cache-control"] == "no-store"
