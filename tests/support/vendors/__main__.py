"""Stand-ins of all vendors on this machine, and a page that shows what "the phone" got.

The page also makes a vendor misbehave: slow, with errors, with reports that come twice.
"""

import base64
import html
import json
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import gettempdir
from urllib.parse import parse_qs, urlsplit

from services.notify.adapters import pass_card
from tests.support.vendors.mail import MailBox
from tests.support.vendors.mobile_seva import MobileSeva
from tests.support.vendors.msg91 import Msg91
from tests.support.vendors.registered import texts, write_registrations
from tests.support.vendors.server import Faults, Shown, VendorServer
from tests.support.vendors.whatsapp import WhatsApp

PAGE, WHATSAPP, MOBILE_SEVA, MSG91, MAIL = 8090, 8091, 8092, 8093, 8094
WEBHOOKS = "http://127.0.0.1:8080/hooks"
BEHAVIOURS: dict[str, Faults] = {
    "well": Faults(),
    "slow (5 s)": Faults(latency=5),
    "half of the requests fail": Faults(error_rate=0.5),
    "every request fails": Faults(error_rate=1),
    "hangs up after half of the requests": Faults(hang_up_rate=0.5),
    "reports twice, in any order": Faults(repeats=2, shuffled=True),
}
STYLE = """
body { font: 1.05rem/1.5 sans-serif, gurmukhi, devanagari; background: #eef1ee }
body { margin: 1rem auto; max-width: 40rem }
article { background: #fff; border-radius: 0 .8rem .8rem; padding: .6rem .8rem; margin: .75rem 2rem .75rem 0 }
article.whatsapp { background: #e2f7d5 } img { width: 18rem; display: block; border-radius: .5rem }
p { white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0 } .button { color: #0b4a8f }
"""


def fonts() -> str:
    """Return the fonts of the pictures of passes as CSS: not every machine has the scripts."""
    return "".join(
        f"@font-face {{ font-family: {script}; src: url(data:font/woff2;base64,{font.decode()}) }}"
        for script in ("gurmukhi", "devanagari")
        for font in [base64.b64encode((pass_card.FOLDER / f"{script}.woff2").read_bytes())]
    )


def start() -> dict[str, VendorServer]:
    """Start the vendors that speak HTTP, with every text registered."""
    whatsapp, cdac, msg91 = WhatsApp(WHATSAPP), MobileSeva(MOBILE_SEVA), Msg91(MSG91)
    cdac.registered, msg91.templates = texts("dlt"), texts("msg91")
    whatsapp.webhook, msg91.webhook = f"{WEBHOOKS}/whatsapp", f"{WEBHOOKS}/sms"
    return {"WhatsApp": whatsapp, "Mobile Seva": cdac, "MSG91": msg91}


def settings(path: Path) -> str:
    """Return what `make run` needs in its environment to send to these vendors."""
    return f"""\
export EPASS_WHATSAPP_URL=http://127.0.0.1:{WHATSAPP}/v25.0/106540352242922/messages \
EPASS_WHATSAPP_TOKEN={WhatsApp.token}
export EPASS_WHATSAPP_APP_SECRET={WhatsApp.app_secret} EPASS_WHATSAPP_VERIFY_TOKEN={WhatsApp.verify_token}
export EPASS_SMTP_URL=smtp-plain://127.0.0.1:{MAIL} EPASS_SMTP_SENDER=epass@epass.example

# SMS. With these `make run` leaves out its smoke journey, which reads its codes from the local phone.
export EPASS_SMS_REGISTRATIONS={path}
export EPASS_SMS_VENDOR=mobile_seva EPASS_SMS_URL=http://127.0.0.1:{MOBILE_SEVA}/esms/sendsmsrequestDLT
export EPASS_SMS_USER={MobileSeva.user} EPASS_SMS_PASSWORD={MobileSeva.password}
export EPASS_SMS_TOKEN={MobileSeva.secure_key}
export EPASS_SMS_REPORTS_URL=http://127.0.0.1:{MOBILE_SEVA}/ReportAPI/csvreport
# or MSG91:
export EPASS_SMS_VENDOR=msg91 EPASS_SMS_URL=http://127.0.0.1:{MSG91}/api/v5/flow
export EPASS_SMS_TOKEN={Msg91.authkey} EPASS_SMS_WEBHOOK_SECRET={Msg91.secret}
"""


def page(vendors: dict[str, VendorServer], mail: MailBox) -> str:
    """Return the page: how each vendor behaves, and what the phone got, the newest first."""
    forms = []
    for name, vendor in vendors.items():
        choices = "".join(
            f"<option{' selected' if vendor.faults is faults else ''}>{choice}</option>"
            for choice, faults in BEHAVIOURS.items()
        )
        forms.append(
            f'<form method="post"><label>{name}, {len(vendor.requests)} requests: '
            f'<select name="behaviour">{choices}</select></label> '
            f'<button name="vendor" value="{name}">Behave</button></form>'
        )
    shown = [bubble(one) for vendor in vendors.values() for one in reversed(vendor.phone[-50:])]
    letters = [bubble(as_shown(one)) for one in reversed(mail.letters)]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Vendors</title>'
        f"<style>{fonts()}{STYLE}</style>"
        f"<h1>Vendors</h1>{''.join(forms)}<h2>The phone</h2>{''.join(shown + letters)}"
    )


def as_shown(letter: EmailMessage) -> Shown:
    """Return a letter as its reader sees it: subject and text, with the picture and the name of the file."""
    body, files = letter.get_body(("plain",)), [one.get_filename() for one in letter.iter_attachments()]
    text = body.get_content().strip() if body is not None else ""
    pictures = [part.get_content() for part in letter.walk() if part.get_content_type() == "image/png"]
    picture = pictures[0] if pictures else None
    return Shown(
        letter["To"], "email", f"{letter['Subject']}: {text}", picture, " ".join(filter(None, files))
    )


def bubble(shown: Shown) -> str:
    """Return a message as a person sees it."""
    picture = ""
    if shown.picture is not None:
        encoded = base64.b64encode(shown.picture).decode()
        picture = f'<img alt="QR" src="data:image/png;base64,{encoded}">'
    button = f'<p class="button">{html.escape(shown.button)}</p>' if shown.button else ""
    return (
        f'<article class="{shown.channel}"><b>{shown.channel}</b> {html.escape(shown.to)}{picture}'
        f"<p>{html.escape(shown.text)}</p>{button}</article>"
    )


def main() -> None:
    """Serve until Ctrl-C."""
    vendors, mail = start(), MailBox(port=MAIL)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if urlsplit(self.path).path == "/messages":
                found = [
                    {"vendor": name, "to": one.to, "text": one.text, "button": one.button}
                    for name, vendor in vendors.items()
                    for one in vendor.phone
                ]
                self._answer(json.dumps(found).encode(), "application/json")
                return
            self._answer(page(vendors, mail).encode(), "text/html; charset=utf-8")

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            vendors[form["vendor"][0]].faults = BEHAVIOURS[form["behaviour"][0]]
            self.send_response(303)
            self.send_header("Location", "/")
            self.end_headers()

        def _answer(self, content: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", PAGE), Handler)
    registered = Path(gettempdir()) / "epass-registrations.toml"
    write_registrations(registered)
    print(f"The phone: http://127.0.0.1:{PAGE}\n\n{settings(registered)}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        for vendor in vendors.values():
            vendor.close()


if __name__ == "__main__":
    main()
