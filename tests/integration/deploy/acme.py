"""A certificate by ACME, in a network of its own: an authority and the proxy of compose, each a real Caddy.

``unshare --net --map-root-user python -m tests.integration.deploy.acme FOLDER SETTING`` runs both, where the
ports 80 and 443 are free and nothing is reached outside, and prints who issued the certificate that the proxy
serves. ``SETTING`` is the proxy's EPASS_TLS.
"""

import fcntl
import shutil
import socket
import ssl
import struct
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.support.stack.paths import ROOT
from tests.support.stack.running import eventually

HOST = "localhost"
DIRECTORY = f"https://{HOST}:9443/acme/local/directory"
AUTHORITY = f"""{{
	admin off
	skip_install_trust
	auto_https disable_redirects
	http_port 9080
	https_port 9443
	pki {{
		ca local {{
			name "Authority of the test"
			root_cn "Root of the test"
			intermediate_cn "Authority of the test"
		}}
	}}
}}

{HOST} {{
	tls internal
	acme_server
}}
"""
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


def switch_loopback_on() -> None:
    """Switch on the one interface that a new network has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        asked = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, asked))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def proxy_file(root: Path) -> str:
    """Return the proxy's Caddyfile with the test's authority in place of Let's Encrypt."""
    text = (ROOT / "deploy" / "compose" / "Caddyfile").read_text()
    changes = {
        "admin off": f"admin off\n\tacme_ca {DIRECTORY}\n\tacme_ca_root {root}",
        "gateway-1:8080 gateway-2:8080": "127.0.0.1:8080",
        "http_port 8080": "http_port 80",
        "https_port 8443": "https_port 443",
    }
    for ours, theirs in changes.items():
        assert ours in text
        text = text.replace(ours, theirs)
    return text


def start(stack: ExitStack, folder: Path, caddyfile: str, tls: str) -> None:
    """Run a Caddy with a folder of its own until the stack ends."""
    folder.mkdir()
    (folder / "Caddyfile").write_text(caddyfile)
    names = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "HOME")
    environment = dict.fromkeys(names, str(folder)) | {"EPASS_HOST": HOST, "EPASS_TLS": tls}
    log = stack.enter_context((folder / "log").open("wb"))
    child = subprocess.Popen(
        [str(shutil.which("caddy")), "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
        cwd=folder,
        env=environment,
        stdout=log,
        stderr=log,
    )
    stack.callback(child.wait, 10)
    stack.callback(child.terminate)


def issuer_of(port: int) -> str | None:
    """Return the common name of who issued the certificate that is served, or None while there is none."""
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((HOST, port), 2) as plain,
            unverified.wrap_socket(plain, server_hostname=HOST) as served,
        ):
            certificate = x509.load_der_x509_certificate(served.getpeercert(binary_form=True) or b"")
    except OSError:
        return None
    return str(certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def main(folder: Path, tls: str) -> None:
    """Start the authority, then the proxy; print the issuer of the proxy's certificate."""
    switch_loopback_on()
    with ExitStack() as stack:
        start(stack, folder / "authority", AUTHORITY, "internal")
        eventually(lambda: issuer_of(9443), "the authority answers", 30)
        root = folder / "authority" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        start(stack, folder / "proxy", proxy_file(root), tls)
        eventually(lambda: issuer_of(443), "the proxy has a certificate", 60)
        print(issuer_of(443))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
