"""The relay looks at an outbox often while there are events, and seldom while there are none."""

import asyncio

from services.chassis.messaging.relay import OutboxRelay, RelaySettings, TopologyKeeper, next_pause
from tests.support.settings import make_settings


def test_after_events_the_relay_looks_again_at_once() -> None:
    assert next_pause(0.2, published=1, longest=0.2) == 0.0


def test_while_nothing_happens_the_pause_doubles_up_to_the_setting() -> None:
    pauses = [0.0]
    for _ in range(6):
        pauses.append(next_pause(pauses[-1], published=0, longest=0.2))
    assert pauses == [0.0, 0.02, 0.04, 0.08, 0.16, 0.2, 0.2]


def relays(*names: str) -> tuple[TopologyKeeper, dict[str, OutboxRelay]]:
    settings = make_settings(RelaySettings)
    keeper = TopologyKeeper(settings)
    keeper.relays += [OutboxRelay(f"postgresql://127.0.0.1/{name}", settings, keeper) for name in names]
    return keeper, {relay.name: relay for relay in keeper.relays}


async def test_after_an_approval_the_relay_soon_looks_for_the_pass_and_for_nothing_else() -> None:
    keeper, by_name = relays("issuance", "notify")
    long_pauses = {name: asyncio.create_task(relay._pause(60)) for name, relay in by_name.items()}
    await asyncio.sleep(0)
    keeper.expect_answers({"PassApproved"})
    assert await asyncio.wait_for(long_pauses["issuance"], 10) == 0
    assert not long_pauses["notify"].done()
    long_pauses["notify"].cancel()


async def test_control_an_event_that_nobody_answers_ends_no_pause() -> None:
    keeper, by_name = relays("issuance")
    pause = asyncio.create_task(by_name["issuance"]._pause(60))
    await asyncio.sleep(0)
    keeper.expect_answers({"PassScanned"})
    done, _ = await asyncio.wait({pause}, timeout=0.2)
    assert not done
    pause.cancel()
