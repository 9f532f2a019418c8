"""Make an organizer, an event with a free ticket and an API token; runs in pretix's own shell.

`python -m pretix shell < pretix_setup.py` prints one line of JSON after "SETUP ".
"""

import json
from datetime import timedelta
from decimal import Decimal

from django.utils.timezone import now
from django_scopes import scopes_disabled
from pretix.base.models import CheckinList, Event, Organizer, Quota, Team

with scopes_disabled():
    organizer = Organizer.objects.create(name="Bench", slug="bench")
    event = Event.objects.create(
        organizer=organizer, name="Bench", slug="bench", date_from=now(), date_to=now() + timedelta(days=1),
        currency="INR", live=True, plugins="pretix.plugins.checkinlists",
    )  # fmt: skip
    event.settings.timezone = "Asia/Kolkata"
    item = event.items.create(name="Visit", default_price=Decimal("0.00"))
    quota = Quota.objects.create(event=event, name="all", size=None)
    quota.items.add(item)
    checkins = CheckinList.objects.create(event=event, name="Gate", all_products=True)
    rights = [field.name for field in Team._meta.fields if field.name.startswith(("can_", "all_"))]  # noqa: SLF001  Django documents _meta
    team = Team.objects.create(organizer=organizer, name="Bench", **dict.fromkeys(rights, True))
    token = team.tokens.create(name="bench")

print("SETUP " + json.dumps({"item": item.pk, "list": checkins.pk, "token": token.token}))
