"""The answers of a half-filled form, in an encrypted cookie.

They survive a dropped connection for two hours and are stored on no server. Browsers need to accept only
4,096 bytes per cookie (RFC 6265, section 6.1), so longer answers are split over several cookies.
"""

import json
import zlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cryptography.fernet import Fernet
from fastapi import Request, Response

from contracts.mobile import only_digits
from contracts.sealing import CannotOpen, SealedBox
from services.gateway.access.admission import COOKIE

Answers = dict[str, Any]
NAME = "answers"
SECONDS = 2 * 60 * 60
PART = 3_500
PARTS = 5
POSTED = "posted"
"""Key of a form that was posted after the session had ended; it belongs to nobody until somebody signs in."""
VISIT = "visit"
"""Key of the mark of a visit to a kiosk (``kiosk_visit.py``)."""
OF_THE_PERSON = ("whose", VISIT)
"""Keys that stay when the answers are sent, or replaced by those of an old application."""


class TooLong(ValueError):
    """The answers do not fit into the cookies."""


class AnswersCookie:
    """Cookie that holds the answers.

    Args:
        keys: Fernet keys, the first one encrypts; without any, a key that lives as long as this process.
        secure: whether the site is served over HTTPS.
        name: of the cookie.
        seconds: for which it is kept.
    """

    def __init__(self, keys: tuple[str, ...], secure: bool, name: str = NAME, seconds: int = SECONDS) -> None:
        self._box = SealedBox(keys or (Fernet.generate_key().decode(),))
        self._secure = secure
        self._name = f"__Host-{name}" if secure else name
        self._seconds = seconds

    def read(self, request: Request) -> Answers:
        """Return the answers so far; empty if there are none, or if they are too old or forged."""
        sealed = "".join(request.cookies.get(f"{self._name}{number}", "") for number in range(PARTS))
        if not sealed:
            return {}
        try:
            plain = self._box.open(sealed, max_age=timedelta(seconds=self._seconds))
        except CannotOpen:
            return {}
        return dict(json.loads(zlib.decompress(plain)))

    def write(self, response: Response, answers: Answers) -> None:
        """Store the answers in the browser.

        Raises:
            TooLong: they are longer than a form allows.
        """
        sealed = self._box.seal(zlib.compress(json.dumps(answers, ensure_ascii=False).encode()))
        parts = [sealed[at : at + PART] for at in range(0, len(sealed), PART)]
        if len(parts) > PARTS:
            raise TooLong
        self._store(response, parts)

    def clear(self, response: Response) -> None:
        """Delete the answers from the browser."""
        self._store(response, [])

    def _store(self, response: Response, parts: Sequence[str]) -> None:
        for number in range(PARTS):
            name = f"{self._name}{number}"
            if number < len(parts):
                response.set_cookie(name, parts[number], self._seconds, secure=self._secure, **COOKIE)
            else:
                response.delete_cookie(name, secure=self._secure, **COOKIE)


def owner(mobile: str) -> str:
    """Return whose answers they are: the last ten digits of a mobile, however it was typed."""
    return only_digits(mobile)[-10:]


def of_the_person(answers: Answers) -> Answers:
    """Return what belongs to the applicant who has signed in, not to one application."""
    return {name: answers[name] for name in OF_THE_PERSON if name in answers}
