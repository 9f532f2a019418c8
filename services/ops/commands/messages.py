"""`epass messages`: the texts to register with the vendors, and a message to try one."""

from dataclasses import asdict

import click

from contracts.mobile import parse_mobile
from contracts.model import DeliverBy, Language
from services.notify import commands
from services.notify.adapters.channels.installed import channels_of
from services.notify.adapters.channels.local import LocalChannel
from services.notify.domain.messages import Purpose
from services.notify.settings import SenderSettings
from services.ops.console import as_json, print_result, read_settings

CHANNELS = ("sms", "whatsapp", "email")
LANGUAGES = ("pa", "hi", "en")


@click.group()
def messages() -> None:
    """Texts and vendors of messages (docs/messages.md)."""


@messages.command()
@click.option(
    "--for",
    "form",
    type=click.Choice(["dlt", "msg91", "whatsapp"]),
    default="dlt",
    help="How the vendor writes a variable.",
)
@click.option("--replies", is_flag=True, help="Questions as they are where people can answer by 1 or 2.")
@as_json
def texts(form: commands.Form, replies: bool, as_json: bool) -> None:
    """Print every text as it is registered, with its version."""
    found = list(commands.texts(form, replies=replies))
    print_result({"texts": [asdict(one) for one in found]}, map(_described, found), as_json=as_json)


def _described(text: commands.Text) -> str:
    head = f"{text.name}  version {text.version}  {text.language}"
    parts = (
        text.category,
        text.header and f"header: {text.header}",
        text.button and f"button that visits a website: {text.button}",
    )
    of_meta = "; ".join(filter(None, parts))
    examples = "; ".join(f"{name} = {value}" for name, value in text.examples.items())
    more = f"\n    examples: {examples}" if examples else ""
    return f"{head}{f'  {of_meta}' if of_meta else ''}\n    {text.text}{more}"


@messages.command()
@click.option("--to", required=True, help="A mobile, or an email address.")
@click.option("--channel", "kind", type=click.Choice(CHANNELS), help="By default SMS, or email.")
@click.option("--purpose", type=click.Choice(commands.PURPOSES), default="pass_issued")
@click.option("--language", type=click.Choice(LANGUAGES), default="pa")
@as_json
def test(to: str, kind: DeliverBy | None, purpose: Purpose, language: Language, as_json: bool) -> None:
    """Send one message with invented facts by the vendors of the sender's settings; print what came back.

    Nothing is stored. Exit code 2: it was not accepted.
    """
    if "@" not in to:
        try:
            to = parse_mobile(to)
        except ValueError:
            raise click.UsageError("--to is neither a mobile nor an email address") from None
    options = read_settings(SenderSettings)
    kind = kind or ("email" if "@" in to else "sms")
    channel = channels_of(options).get(kind)
    if channel is None or channel.name == LocalChannel.name:
        raise click.UsageError(f"no vendor is connected for {kind} in these settings")
    tried = commands.try_channel(channel, kind, to, purpose, language, options)
    print_result(asdict(tried), [_line(tried)], as_json=as_json)
    if tried.error is not None:
        raise click.exceptions.Exit(2)


def _line(tried: commands.Tried) -> str:
    if tried.error is None:
        said = f"accepted, ID {tried.provider_id or '(none)'}, billed parts {tried.parts}"
    else:
        maybe = " (it may have arrived)" if tried.may_have_arrived else ""
        said = f"not accepted: {tried.error}{maybe}; docs/messages.md says what that means"
    return f"{tried.vendor}: {said}, {tried.seconds:.1f} s"
