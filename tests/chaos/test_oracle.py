"""The oracle itself: it finds nothing wrong with a good story, and finds and names every fault that a story
can have."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.chaos.fault_schedule import FIRST_ROUND, PROCESSES, schedule
from tests.support.chaos.evidence import Evidence, Lease, Message
from tests.support.chaos.oracle import Findings, judge
from tests.support.chaos.promises import Promises, Scan
from tests.support.chaos.provider import Ledger

REFERENCE, ID, NUMBER, EVEN, ODD = (
    "PCS-0000-0001",
    "application",
    "PASS0001",
    "+919812345670",
    "+919812345671",
)


class Story:
    """One application that was approved, issued, notified and admitted; each test changes one thing."""

    def __init__(self, mobile: str = ODD) -> None:
        self.promises = Promises(
            mobiles={REFERENCE: mobile},
            decided={REFERENCE: "approved"},
            scans={REFERENCE: {"nonce": Scan("admit", 1.0)}},
            numbers={mobile},
        )
        self.evidence = Evidence(ids={REFERENCE: ID}, statuses={ID: "entered"})
        for known in (
            self.evidence.passes,
            self.evidence.passes_of_application,
            self.evidence.passes_of_gate,
        ):
            known[ID][NUMBER] = True
        self.evidence.scans = Counter({("nonce", "admit"): 1})
        self.evidence.messages[ID] = [
            Message("m1", "application_submitted", "delivered", 0),
            Message("m2", "pass_issued", "delivered", 0, pass_number=NUMBER),
        ]
        self.evidence.codes = [Message("m0", "otp", "delivered", 0)]
        self.evidence.deliveries_recorded = Counter({ID: 2})
        self.ledger = Ledger(
            Counter({"m0": 1, "m1": 1, "m2": 1}), Counter(), dict.fromkeys(("m0", "m1", "m2"), mobile)
        )

    def judged(self, *held: Lease) -> Findings:
        return judge(self.promises, self.evidence, self.ledger, held)

    def message(self, state: str, possible_duplicates: int = 0) -> None:
        """The pass's message in another state."""
        self.evidence.messages[ID][1] = Message(
            "m2", "pass_issued", state, possible_duplicates, pass_number=NUMBER
        )


def test_a_story_that_ended_well_has_no_problems() -> None:
    assert Story().judged().problems() == {}


def _forget_application(story: Story) -> None:
    story.evidence.ids.clear()


def _another_application(story: Story) -> None:
    story.evidence.ids["PCS-0000-0002"] = "another"


def _second_pass(story: Story) -> None:
    for known in (story.evidence.passes, story.evidence.passes_of_application, story.evidence.passes_of_gate):
        known[ID]["PASS0002"] = False


def _two_live_passes(story: Story) -> None:
    for known in (story.evidence.passes, story.evidence.passes_of_application, story.evidence.passes_of_gate):
        known[ID]["PASS0002"] = True


def _no_pass(story: Story) -> None:
    for known in (story.evidence.passes, story.evidence.passes_of_application, story.evidence.passes_of_gate):
        known.clear()


def _nobody_gets_to_it(story: Story) -> None:
    """Its department is slow: nothing has lost it."""
    story.promises.scans.clear()
    story.promises.decided.clear()
    story.evidence = Evidence(ids={REFERENCE: ID}, statuses={ID: "submitted"}, at_a_desk={ID})
    story.evidence.messages[ID] = [Message("m1", "application_submitted", "delivered", 0)]
    story.evidence.codes = [Message("m0", "otp", "delivered", 0)]
    story.evidence.deliveries_recorded = Counter({ID: 1})


def _never_reaches_a_desk(story: Story) -> None:
    _nobody_gets_to_it(story)
    story.evidence.at_a_desk.clear()


def _second_message(story: Story) -> None:
    story.evidence.messages[ID].append(Message("m3", "pass_issued", "withdrawn", 0))


def _no_message(story: Story) -> None:
    del story.evidence.messages[ID][1]
    story.evidence.deliveries_recorded[ID] = 1


def _failed_message(story: Story) -> None:
    story.message("failed")
    story.evidence.deliveries_recorded[ID] = 1


def _waiting_message(story: Story) -> None:
    story.message("queued")
    story.evidence.deliveries_recorded[ID] = 1


def _let_out(story: Story) -> None:
    """They leave, which is recorded."""
    story.promises.scans[REFERENCE]["exit"] = Scan("exit", 2.0)
    story.evidence.scans["exit", "exit"] = 1
    story.evidence.statuses[ID] = "left"


def _let_in_twice(story: Story) -> None:
    """A gate without a network lets in another one with the same pass, which is found."""
    story.promises.scans[REFERENCE]["other gate"] = Scan("admit", 2.0)
    story.evidence.scans["other gate", "admit"] = 1
    story.evidence.conflicts[ID] = [1]


BROKEN: dict[str, tuple[Callable[[Story], object], set[str]]] = {
    "a 201 without an application": (_forget_application, {"lost"}),
    "an application that nobody was promised": (_another_application, {"duplicate_applications"}),
    "an application that stands still": (
        lambda story: story.evidence.statuses.update({ID: "approved"}),
        {"lost", "disagreements"},
    ),
    "an application that nobody decided": (
        lambda story: (story.promises.scans.clear(), story.promises.decided.clear()),
        {"lost", "duplicate_scans"},
    ),
    "an application on a desk to which nobody gets": (_nobody_gets_to_it, {"undecided"}),
    "an application that reaches no desk": (_never_reaches_a_desk, {"lost"}),
    "a pass that was made twice": (_second_pass, {"duplicate_passes"}),
    "two passes that are good": (_two_live_passes, {"duplicate_passes", "lost"}),
    "no pass": (_no_pass, {"lost"}),
    "a revoked pass that the gate lets in": (
        lambda story: (
            story.evidence.passes[ID].update({NUMBER: False}),
            story.evidence.passes_of_application[ID].update({NUMBER: False}),
        ),
        {"lost", "disagreements"},
    ),
    "a scan that left no trace": (lambda story: story.evidence.scans.clear(), {"lost"}),
    "a scan that let in twice": (
        lambda story: story.evidence.scans.update({("nonce", "admit"): 1}),
        {"duplicate_scans"},
    ),
    "an admission that nobody was promised": (
        lambda story: story.evidence.scans.update({("another", "admit"): 1}),
        {"duplicate_scans"},
    ),
    "a message that was stored twice": (_second_message, {"duplicate_messages"}),
    "a message that was never stored": (_no_message, {"sms_missing"}),
    "a message that failed": (_failed_message, {"sms_missing"}),
    "a message that waits": (_waiting_message, {"unfinished"}),
    "a delivery that was not recorded": (
        lambda story: story.evidence.deliveries_recorded.subtract({ID: 1}),
        {"disagreements"},
    ),
    "a message that counts as delivered and never was": (
        lambda story: story.ledger.charged.pop("m2"),
        {"sms_missing"},
    ),
    "a reissue without a new pass": (
        lambda story: story.promises.reissued.add(REFERENCE),
        {"lost", "sms_missing"},
    ),
    "a resend that was never stored": (lambda story: story.promises.resent.add(REFERENCE), {"sms_missing"}),
    "a return that nobody heard of": (lambda story: story.promises.returned.add(REFERENCE), {"sms_missing"}),
    "a withdrawn approval whose pass is still good": (
        lambda story: story.promises.withdrawn.add(REFERENCE),
        {"lost", "sms_missing"},
    ),
    "a print that was not recorded": (
        lambda story: story.promises.printed.add(REFERENCE),
        {"disagreements"},
    ),
    "an exit that left no trace": (
        lambda story: (_let_out(story), story.evidence.scans.pop(("exit", "exit"))),
        {"lost"},
    ),
    "an exit that was recorded twice": (
        lambda story: (_let_out(story), story.evidence.scans.update({("exit", "exit"): 1})),
        {"duplicate_scans"},
    ),
    "an exit that no guard saw": (
        lambda story: story.evidence.scans.update({("exit", "exit"): 1}),
        {"duplicate_scans"},
    ),
    "an exit after which somebody is inside": (
        lambda story: (_let_out(story), story.evidence.statuses.update({ID: "entered"})),
        {"lost"},
    ),
    "a scan of a gate without a network that never came": (
        lambda story: (_let_in_twice(story), story.evidence.scans.pop(("other gate", "admit"))),
        {"lost"},
    ),
    "a conflict that nobody hears of": (
        lambda story: (_let_in_twice(story), story.evidence.conflicts.clear()),
        {"conflicts"},
    ),
    "a conflict of which supervisors hear twice": (
        lambda story: (_let_in_twice(story), story.evidence.conflicts[ID].append(1)),
        {"conflicts"},
    ),
    "a conflict of nobody": (lambda story: story.evidence.conflicts[ID].append(1), {"conflicts"}),
    "a code that never came": (lambda story: story.evidence.codes.clear(), {"sms_missing"}),
    "an event that was not sent": (
        lambda story: story.evidence.waiting.update({"outbox of approval": 1}),
        {"unfinished"},
    ),
    "a dead letter": (lambda story: story.evidence.dead.update({"notify.PassIssued.dead": 1}), {"dead"}),
    "an answer that no promise allows": (lambda story: story.promises.broken.append("500"), {"broken"}),
}


@pytest.mark.parametrize("what", BROKEN)
def test_every_broken_promise_is_found(what: str) -> None:
    change, problems = BROKEN[what]
    story = Story()
    change(story)
    assert set(story.judged().problems()) == problems


@pytest.mark.parametrize("happens", [_let_out, _let_in_twice])
def test_an_exit_and_a_conflict_that_are_recorded_once_are_no_problem(
    happens: Callable[[Story], None],
) -> None:
    story = Story()
    happens(story)
    assert story.judged().problems() == {}


def test_nobody_says_who_was_first_where_a_device_did_not_know_the_time() -> None:
    story = Story()
    _let_out(story)
    story.promises.scans[REFERENCE]["exit"] = Scan("exit", 2.0, is_certain=False)
    assert story.promises.expected_status(REFERENCE) == {"entered", "left"}


def test_a_cancelled_application_ends_cancelled_whatever_was_decided() -> None:
    story = Story()
    story.promises.scans.clear()
    story.evidence.scans.clear()
    story.promises.cancelled.add(REFERENCE)
    assert "lost" in story.judged().problems()
    story.evidence.statuses[ID] = "cancelled"
    assert set(story.judged().problems()) == {
        "disagreements",
        "sms_missing",
    }  # its pass is still good, and nobody notified the person


def test_nobody_needs_the_message_of_a_pass_that_was_revoked_and_everybody_that_of_its_end() -> None:
    story = Story()
    story.promises.scans.clear()
    story.evidence.scans.clear()
    story.promises.withdrawn.add(REFERENCE)
    for passes in (
        story.evidence.passes,
        story.evidence.passes_of_application,
        story.evidence.passes_of_gate,
    ):
        passes[ID][NUMBER] = False
    story.evidence.statuses[ID] = "revoked"
    story.message("failed")
    story.evidence.messages[ID].append(Message("m3", "pass_revoked", "delivered", 0, pass_number=NUMBER))
    story.ledger.charged["m3"], story.ledger.numbers["m3"] = 1, ODD
    assert story.judged().problems() == {}
    story.evidence.messages[ID][2] = Message("m3", "pass_revoked", "failed", 0, pass_number=NUMBER)
    story.evidence.deliveries_recorded[ID] = 1
    assert set(story.judged().problems()) == {"sms_missing"}


def test_a_reissue_explains_a_second_pass_and_its_message() -> None:
    story = Story()
    _second_pass(story)
    _second_message(story)
    story.promises.reissued.add(REFERENCE)
    assert story.judged().problems() == {}


def _sent_again(story: Story, times: int) -> None:
    story.ledger.charged["m2"] = 1 + times
    story.message("delivered", possible_duplicates=times)


def test_a_duplicate_is_explained_by_a_kill_that_was_written_down() -> None:
    story = Story()
    _sent_again(story, 1)
    found = story.judged(("m2", "a lease"))
    assert (found.problems(), found.sms_duplicates) == ({}, 1)
    story.message("delivered", possible_duplicates=0)
    assert set(story.judged(("m2", "a lease")).problems()) == {"sms_unrecorded"}


@pytest.mark.parametrize("held", [(), (("m1", "a lease"),)], ids=["nobody was killed", "another message"])
def test_a_duplicate_of_what_no_killed_sender_held_is_found(held: tuple[Lease, ...]) -> None:
    story = Story()
    _sent_again(story, 1)
    assert set(story.judged(*held).problems()) == {"sms_too_many"}


def test_one_lease_explains_one_duplicate_however_many_kills_found_it() -> None:
    story = Story()
    _sent_again(story, 2)
    assert set(story.judged(("m2", "a lease"), ("m2", "a lease")).problems()) == {"sms_too_many"}
    assert story.judged(("m2", "a lease"), ("m2", "the next one")).problems() == {}


def test_no_kill_explains_a_duplicate_where_the_provider_honours_keys() -> None:
    story = Story()
    _sent_again(story, 1)
    story.ledger.honoured.add("m2")
    assert set(story.judged(("m2", "a lease")).problems()) == {"sms_too_many"}


def test_a_seed_replays_its_schedule_and_the_first_round_hits_every_part() -> None:
    faults = schedule(7, 200)
    assert faults == schedule(7, 200)
    assert faults != schedule(8, 200)
    assert sum(fault.kills for fault in faults) >= 200
    assert "set clock" not in {fault.kind for fault in faults}
    assert {fault.ahead for fault in schedule(7, 200, clocks=True)} == {10, 0, -10}
    assert {*PROCESSES, "broker", "postgres"} <= {
        target for fault in faults[:FIRST_ROUND] for target in fault.targets
    }
