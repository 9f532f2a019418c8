"""The file of the proxy: what it closes, logs and hands on."""

import re
from fnmatch import fnmatch

from services.gateway import api, pages
from services.gateway.edge import connections
from services.gateway.edge.response_headers import SECURITY_HEADERS
from services.gateway.pages.shared import answers
from tests.unit.deploy.compose_file import DEPLOY, GATEWAYS, load

CADDYFILE = (DEPLOY / "compose" / "Caddyfile").read_text()


def test_the_proxy_closes_what_is_of_the_inside_alone() -> None:
    def paths(local_mode: bool) -> set[str]:
        routers = (*api.routers(local_mode), *pages.routers(local_mode))
        return {route.path for router in routers for route in router.routes}  # type: ignore[attr-defined]

    closed = re.search(r"@inside path (.+)", CADDYFILE)[1].split()  # type: ignore[index]
    everything, local = paths(True), paths(True) - paths(False)
    inside = {path for path in everything if any(fnmatch(path, pattern) for pattern in closed)}
    assert local
    assert inside == local | {"/metrics", "/docs", "/openapi.json"}
    assert "respond @inside 404" in CADDYFILE


def test_the_proxy_logs_each_access_without_headers_of_the_client_and_without_what_a_path_holds() -> None:
    site = CADDYFILE.partition("{$EPASS_HOST} {")[2]
    assert re.search(r"^\tlog$", site, re.MULTILINE)
    written = re.search(r"^\tlog \{\n\t\toutput stdout\n(.+?)^\t\}$", CADDYFILE, re.MULTILINE | re.DOTALL)[1]  # type: ignore[index]
    deleted = set(re.findall(r"^\t+(\S+) delete$", written, re.MULTILINE))
    assert {"request>headers", "resp_headers>Location", "resp_headers>Set-Cookie"} <= deleted
    assert {f"resp_headers>{name}" for name in SECURITY_HEADERS} <= deleted
    assert "resp_headers>X-Request-Id" not in deleted
    kept = re.search(r"request>uri regexp (\S+) \$1", written)[1]  # type: ignore[index]
    for router in (*api.routers(False), *pages.routers(False)):
        for route in router.routes:
            language = route.path.replace("{language:lang}", "en")  # type: ignore[attr-defined]
            uri = re.sub(r"\{[^}]+\}", "secret", language) + "?q=secret"
            assert "secret" not in re.sub(kept, r"\1", uri), uri
    assert re.sub(kept, r"\1", "/p/7K3M9QW4?x=1") == "/p"


def test_the_proxy_hands_on_no_ids_of_requests_and_traces_that_a_client_sent() -> None:
    upstream = re.search(r"reverse_proxy [^\n]+ \{\n(.+?)^\t\}$", CADDYFILE, re.MULTILINE | re.DOTALL)[1]  # type: ignore[index]
    assert {"header_up -X-Request-Id", "header_up -Traceparent"} <= {*map(str.strip, upstream.splitlines())}


def test_the_proxy_takes_every_header_that_our_own_cookies_make_and_no_more_than_a_gateway() -> None:
    taken = int(re.search(r"max_header_size (\d+)KB", CADDYFILE)[1]) * 1024  # type: ignore[index]
    forms = 2 * answers.PARTS * answers.PART  # answers, and what a command has told
    sessions = 3 * 2_048  # own, operator's and kiosk's
    assert forms + sessions < taken <= connections.LARGEST_HEADERS


def test_the_proxy_asks_and_names_both_gateways() -> None:
    assert re.search(r"reverse_proxy (.+) \{", CADDYFILE)[1].split() == [f"{name}:8080" for name in GATEWAYS]  # type: ignore[index]
    health_uri = re.search(r"health_uri (\S+)", CADDYFILE)[1]  # type: ignore[index]
    assert health_uri in {route.path for router in api.routers(False) for route in router.routes}  # type: ignore[attr-defined]


def test_the_proxy_tells_nobody_what_it_is_and_needs_no_right_to_low_ports() -> None:
    sites = re.split(r"^(?=\S.* \{$)", CADDYFILE, flags=re.MULTILINE)
    outside = [one for one in sites if one.startswith(("{$EPASS_HOST} {", "http:// {"))]
    assert [one for one in outside if "\n\theader -Server\n" not in one] == []
    assert len(outside) == 2
    ports = {int(port) for port in re.findall(r"^\thttps?_port (\d+)$", CADDYFILE, re.MULTILINE)}
    published = {int(one.rpartition(":")[2]) for one in load()["services"]["proxy"]["ports"]}
    assert ports == published
    assert min(ports) >= 1024
