"""The digest of a command: of what the client sent, and of nothing else."""

from contracts.model import Wire
from services.chassis.rpc.idempotency import body_hmac

SECRET = b"secret"


class Item(Wire):
    name: str
    colour: str | None = None


class Order(Wire):
    items: tuple[Item, ...]
    note: str | None = None


class LaterItem(Item):
    size: int = 1


class LaterOrder(Wire):
    """The request in a later version: with new optional fields, on top and inside, in another order."""

    urgent: bool = False
    note: str | None = None
    items: tuple[LaterItem, ...]


SENT = {"note": "ring twice", "items": [{"name": "tea"}]}


def test_a_new_optional_field_does_not_change_the_digest() -> None:
    before, after = Order.model_validate(SENT), LaterOrder.model_validate(SENT)
    assert body_hmac(before, SECRET) == body_hmac(after, SECRET)


def test_a_new_optional_field_that_is_sent_changes_the_digest() -> None:
    """Negative control of the test above."""
    before = LaterOrder.model_validate(SENT)
    sent_on_top = LaterOrder.model_validate({**SENT, "urgent": False})
    sent_inside = LaterOrder.model_validate({**SENT, "items": [{"name": "tea", "size": 1}]})
    assert len({body_hmac(order, SECRET) for order in (before, sent_on_top, sent_inside)}) == 3


def test_the_order_of_fields_does_not_change_the_digest() -> None:
    turned = Order.model_validate(dict(reversed(SENT.items())))
    assert body_hmac(turned, SECRET) == body_hmac(Order.model_validate(SENT), SECRET)


def test_another_secret_gives_another_digest() -> None:
    order = Order.model_validate(SENT)
    assert body_hmac(order, SECRET) != body_hmac(order, b"another")
