"""The corpus that verify and the gate's app share: it is up to date, and verify refuses all of it."""

import json
from collections import Counter
from typing import Any

import pytest

from services.verify.adapters import pass_token
from tests.contract import forged_tokens
from tests.contract.forged_tokens import FILE, GENUINE, corpus, outcome, text_of

WHOLE: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
TOKENS: list[dict[str, str]] = WHOLE["tokens"]


def test_the_corpus_is_what_verify_makes_of_it_today() -> None:
    """If not: `python -m tests.contract.forged_tokens`, and change the gate's app."""
    assert FILE.read_text(encoding="utf-8") == text_of(corpus())


def test_verify_refuses_each_token_of_the_corpus_with_the_outcome_that_it_says() -> None:
    assert [one["name"] for one in TOKENS if outcome(one["token"]) != one["expected"]] == []
    assert outcome(WHOLE["genuine"]) == outcome(GENUINE) == "genuine"


def test_the_corpus_is_large_and_has_both_outcomes() -> None:
    found = Counter(one["expected"] for one in TOKENS)
    assert len(TOKENS) >= 300
    assert len({one["token"] for one in TOKENS}) >= 300
    assert set(found) == {"bad_signature", "unreadable"}
    assert min(found.values()) >= 100


def test_control_a_rule_that_is_taken_out_is_seen_in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    def changed() -> set[str]:
        return {one["name"] for one in TOKENS if outcome(one["token"]) != one["expected"]}

    monkeypatch.setattr(pass_token, "_OWN_KEYS", set())
    assert "header: with 'jku'" in changed()
    monkeypatch.undo()
    monkeypatch.setattr(pass_token, "SIGNATURE_LENGTH", 85)
    assert "signature: zeros" in changed()
    monkeypatch.undo()
    monkeypatch.setattr(forged_tokens, "find_key", lambda _kid: forged_tokens.OURS.public_key())
    assert "header: kid 'k9'" in changed()
