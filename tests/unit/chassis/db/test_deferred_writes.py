"""Writes that wait are shared out among statements, so that none writes a row in two ways."""

from services.chassis.db.deferred_writes import Form, statements

INSERT, UPDATE = Form("passes", "insert"), Form("passes", "update", key=("number",))
TIMELINE, EVENTS = Form("timeline", "insert"), Form("outbox", "insert", is_last=True)
ONE, TWO = {"number": 1}, {"number": 2}


def shared_out(*writes):
    return [{form: list(rows.values()) for form, rows in rows_of.items()} for rows_of in statements(writes)]


def test_all_forms_share_a_statement_and_events_come_last() -> None:
    found = shared_out((EVENTS, ONE), (TIMELINE, ONE), (INSERT, ONE), (TIMELINE, TWO), (EVENTS, TWO))
    assert found == [{TIMELINE: [ONE, TWO], INSERT: [ONE], EVENTS: [ONE, TWO]}]
    assert list(found[0])[-1] == EVENTS


def test_a_table_that_is_written_in_two_forms_takes_two_statements_in_their_order() -> None:
    found = shared_out((EVENTS, ONE), (INSERT, ONE), (TIMELINE, ONE), (UPDATE, ONE), (TIMELINE, TWO))
    assert found == [{INSERT: [ONE], TIMELINE: [ONE]}, {UPDATE: [ONE], TIMELINE: [TWO], EVENTS: [ONE]}]


def test_the_last_of_several_updates_of_a_row_counts() -> None:
    first, second = {"number": 1, "inside": 1}, {"number": 1, "inside": 2}
    assert shared_out((UPDATE, first), (UPDATE, TWO), (UPDATE, second)) == [{UPDATE: [second, TWO]}]
    assert shared_out((INSERT, first), (INSERT, second)) == [{INSERT: [first, second]}], "a fault, to be seen"
