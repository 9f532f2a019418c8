"""Logs are JSON lines that name the place of a failure and never a value of a person."""

import json
import logging

from services.chassis.runtime import logs


def test_an_exception_is_logged_by_type_and_place_without_its_text(capsys) -> None:
    logs.configure("test")
    try:
        raise ValueError("Gurpreet Kaur")
    except ValueError:
        logs.logger("a").exception("it failed", step=1)
        logging.getLogger("somebody.elses").exception("it failed, too")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["error"] for line in lines] == ["builtins.ValueError"] * 2
    assert all("runtime/test_logs.py" in line["at"][0] for line in lines)
    assert "Gurpreet" not in json.dumps(lines)
    assert {line["service"] for line in lines} == {"test"}


def test_lines_of_one_request_carry_its_correlation_id(capsys) -> None:
    logs.configure("test")
    with logs.context(correlation_id="c-1"):
        logs.logger("a").info("inside")
    logs.logger("a").info("outside")
    inside, outside = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert inside["correlation_id"] == "c-1"
    assert "correlation_id" not in outside
