"""The phone of the local mode: how it shows the messages that were sent."""

from contracts.errors import Unavailable
from services.gateway.pages.phone import linked
from tests.support.factories.gateway import browsing
from tests.support.factories.pages import phone_messages


async def test_the_phone_shows_messages_with_their_links() -> None:
    async with browsing(
        notify__local_phone=phone_messages(
            "Your pass: http://127.0.0.1:8080/p/aB3dE5fG7hJ9kL1mN2pQ4r. Carry an ID <now>"
        )
    ) as (http, _):
        text = (await http.get("/dev/phone?mobile=98765 43210")).text
    assert '<a href="http://127.0.0.1:8080/p/aB3dE5fG7hJ9kL1mN2pQ4r">' in text
    assert "&lt;now&gt;" in text


async def test_the_phone_accepts_mobile_numbers_only() -> None:
    async with browsing(notify__local_phone=phone_messages()) as (http, client):
        assert "<form" in (await http.get("/dev/phone")).text
        assert "no mobile number" in (await http.get("/dev/phone?mobile=12")).text
        assert not client.asked
        assert "No message yet" in (await http.get("/dev/phone?mobile=9876543210")).text
        client.answers["notify.local_phone"] = Unavailable()
        assert "cannot be read" in (await http.get("/dev/phone?mobile=9876543210")).text


async def test_a_whatsapp_message_shows_its_picture() -> None:
    messages = phone_messages("Your pass", "Another")
    shown = messages.items[1].model_copy(update={"channel": "whatsapp", "picture": "iVBORw0KGgo="})
    async with browsing(
        notify__local_phone=messages.model_copy(update={"items": (messages.items[0], shown)})
    ) as (http, _):
        text = (await http.get("/dev/phone?mobile=9876543210")).text
        assert text.count("<img") == 1
        path = text.split('<img src="')[1].split('"')[0].replace("&amp;", "&")
        picture = await http.get(path)
        assert (picture.status_code, picture.content) == (200, b"\x89PNG\r\n\x1a\n")
        assert (await http.get(path.replace("place=1", "place=0"))).status_code == 404
        assert (await http.get(path.replace("place=1", "place=9"))).status_code == 404


def test_a_sentence_after_a_link_is_not_part_of_it() -> None:
    assert linked("See http://x.test/p/a. Or (http://x.test/p/b)!") == (
        'See <a href="http://x.test/p/a">http://x.test/p/a</a>. Or (<a href="http://x.test/p/b">http://x.test/p/b</a>)!'
    )
    assert linked("ਵੇਖੋ http://x.test/p/a। ਧੰਨਵਾਦ").startswith('ਵੇਖੋ <a href="http://x.test/p/a">')
