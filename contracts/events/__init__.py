"""Events: one frozen model each, named by a past participle, complete enough for every subscriber.

A service's events are in the module of its name. The head of a class says who publishes the event, who
subscribes to it, and its version, where that is not the first; its body ends with an example.

``data`` travels in clear text and holds nothing personal; what is personal (names, mobiles, the ID's last
four, free text, a vehicle, a code) is in the model of the member ``personal``, which the envelope seals.
"""

from contracts.events.accounts import *
from contracts.events.application import *
from contracts.events.approval import *
from contracts.events.base import *
from contracts.events.base import BY_NAME, Event
from contracts.events.directory import *
from contracts.events.issuance import *
from contracts.events.notify import *
from contracts.events.verify import *

ALL: tuple[type[Event], ...] = tuple(BY_NAME.values())
