"""The directory: queries, the event of a change, and that seeding twice changes nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import select

from contracts.errors import NotFound
from contracts.events import ClosedDay, DirectoryChanged
from contracts.rpc.approval.directory import DepartmentQuestion, OfficerQuestion
from services.approval import commands
from services.approval.handlers import directory
from services.chassis.db.tables import outbox
from tests.support.factories.approval import (
    NOW,
    department,
    everything,
    fill_directory,
    officer,
    published,
    site,
)


@pytest.fixture
def approval_db(databases):
    return databases["approval"]


@pytest.fixture
def seeded(approval_db):
    """Seed as `epass seed approval` does."""
    commands.seed(approval_db, NOW)
    return approval_db


def put(database, record) -> bool:
    with database.transaction() as session:
        writer = directory.put_site if hasattr(record, "gates") else directory.put_department
        return writer(session, record, NOW)


def found(database, q):
    """Return the codes of the departments that a search finds, each with those of its matching officers."""
    with database.transaction() as session:
        return {
            one.code: [who.code for who in one.found]
            for one in directory.departments(DepartmentQuestion(q=q), session).items
        }


def officers(database, code, q=""):
    with database.transaction() as session:
        return [one.code for one in directory.officers(OfficerQuestion(department=code, q=q), session).items]


def test_the_seed_makes_two_sites_and_a_dozen_departments_and_publishes_each(seeded) -> None:
    with seeded.transaction() as session:
        sites = directory.sites(session).items
        departments = directory.departments(DepartmentQuestion(), session).items
    assert {one.code: one.gates for one in sites} == {"PCS1": ("PCS1-G1", "PCS1-G2"), "PCS2": ("PCS2-G1",)}
    assert [one.code for one in departments] == sorted(
        (
            "home",
            "finance",
            "pwd",
            "health",
            "education",
            "revenue",
            "agriculture",
            "transport",
            "power",
            "water",
            "social",
            "personnel",
        )
    )
    events = published(seeded)
    assert {event.subject for event in events} == {f"site:{one.code}" for one in sites} | {
        f"department:{one.code}" for one in departments
    }
    assert [event.department for event in events if event.subject == "department:home"] == [
        record(seeded, "home")
    ]


def test_every_name_of_the_demo_is_there_in_three_languages() -> None:
    sites, departments = commands.demo_directory()
    texts = [one.name for one in (*sites, *departments)] + [one.address for one in sites]
    texts += [
        words
        for one in departments
        for officer in one.officers
        for words in (officer.name, officer.designation)
    ]
    advice = [one.advice for one in sites if one.advice]
    texts += [words for one in advice for words in (one.prohibited, one.declare, one.parking, one.wheelchair)]
    assert len(advice) == len(sites)
    assert all(set(words) == {"pa", "hi", "en"} and all(words.values()) for words in texts)
    assert all(2 <= len(one.officers) <= 3 for one in departments)
    codes = [officer.code for one in departments for officer in one.officers]
    assert len(codes) == len(set(codes))


def test_one_demo_site_is_always_open_and_one_has_the_hours_of_an_office(seeded) -> None:
    always, office = (
        {(hours.weekday, f"{hours.opens:%H:%M}", f"{hours.closes:%H:%M}") for hours in one.hours}
        for one in commands.demo_directory()[0]
    )
    assert always == {(day, "00:00", "23:59") for day in range(7)}
    assert office == {
        (day, *window) for day in range(5) for window in (("09:00", "13:00"), ("14:00", "17:00"))
    }


def test_seeding_again_changes_nothing_and_leaves_changed_records_as_they_are(seeded) -> None:
    changed = record(seeded, "home").model_copy(update={"officers": ()})
    assert put(seeded, changed)
    before = everything(seeded)
    commands.seed(seeded, NOW)
    assert everything(seeded) == before
    assert record(seeded, "home") == changed


def record(database, code):
    with database.transaction() as session:
        return directory.department_record(session, code)


def test_a_changed_record_is_published_whole_and_an_equal_one_is_not(approval_db) -> None:
    assert put(approval_db, site())
    assert not put(approval_db, site())
    changed = site(
        gates=("T1-G2", "T1-G3"),
        closed_days=(
            ClosedDay(day=date(2026, 5, 2), reason="b"),
            ClosedDay(day=date(2026, 5, 1), reason="a"),
        ),
    )
    assert put(approval_db, changed)
    assert not put(approval_db, changed), "the order of closed days means nothing"
    assert [event.site.gates for event in published(approval_db, DirectoryChanged)] == [
        ("T1-G1", "T1-G2"),
        ("T1-G2", "T1-G3"),
    ]
    with approval_db.transaction() as session:
        assert directory.sites(session).items == (published(approval_db)[-1].site,)


def test_advice_to_visitors_is_part_of_a_site_and_a_change_of_it_is_published(approval_db) -> None:
    put(approval_db, site())
    advised = site(advice={"parking": {"en": "Outside gate 1"}})
    assert put(approval_db, advised)
    assert not put(approval_db, advised)
    with approval_db.transaction() as session:
        assert directory.site_record(session, "T1") == advised
    assert [event.site.advice for event in published(approval_db)] == [None, advised.advice]


def test_a_department_changes_with_its_officers(approval_db) -> None:
    put(approval_db, site())
    put(approval_db, department())
    fewer = department(officers=(officer("home-under-secretary", room="1-01"), officer("home-new")))
    assert put(approval_db, fewer)
    assert record(approval_db, "home") == fewer
    assert published(approval_db)[-1].department == fewer


def test_of_two_writers_of_the_same_record_at_once_one_publishes(approval_db) -> None:
    start = threading.Barrier(4)
    changed = []

    def write() -> None:
        start.wait()
        changed.append(put(approval_db, site()))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(changed) == [False, False, False, True]
    assert len(published(approval_db)) == 1


def test_officers_are_found_within_their_department_however_spelt(approval_db) -> None:
    fill_directory(approval_db)
    put(
        approval_db,
        department("health", officers=(officer("health-1"), officer("health-2", name={"pa": "ਬਲਦੇਵ ਸਿੰਘ"}))),
    )
    assert officers(approval_db, "health") == ["health-1", "health-2"], "by rank"
    assert officers(approval_db, "health", "BALDEV sing") == ["health-2"]
    assert officers(approval_db, "health", "ਸਕੱਤਰ") == ["health-1", "health-2"]
    assert officers(approval_db, "health", "nobody") == []
    assert "health-2" not in officers(approval_db, "home", "baldev")


def test_an_unknown_department_has_no_officers(approval_db) -> None:
    with pytest.raises(NotFound) as refusal:
        officers(approval_db, "nowhere")
    assert refusal.value.body.code == "unknown_department"


def test_a_department_is_found_in_any_script_and_by_its_sound(seeded) -> None:
    for q in ("ਸਿਹਤ", "स्वास्थ्य", "HELTH", "parivar kalyan"):
        assert found(seeded, q) == {"health": []}, q
    everything_found = found(seeded, "  ")
    assert len(everything_found) == 12
    assert not any(everything_found.values())


def test_a_department_is_found_by_the_name_of_an_officer_who_is_part_of_the_answer(seeded) -> None:
    assert found(seeded, "baldew singh") == {"home": ["home-superintendent"]}
    assert found(seeded, "baldev sharma") == {}, "two people are not one"


def test_what_is_closed_has_a_name_and_is_not_to_be_found(seeded) -> None:
    retired = officer("retired", name={"en": "Baldev Singh"}, closed=True)
    home = department("home", sites=("PCS1",), officers=(retired,))
    put(seeded, home)
    assert found(seeded, "baldev singh") == {}
    assert officers(seeded, "home") == ["retired"], "with its name for what was asked before"
    put(seeded, department("health", sites=("PCS1",), closed=True))
    assert "health" not in found(seeded, "health")
    assert "health" in found(seeded, "")


def test_after_an_upgrade_the_whole_directory_is_announced_once_and_again_in_the_next_edition(
    seeded, monkeypatch
) -> None:
    def announced(at_once: int = 1) -> list[str]:
        before = len(published(seeded, DirectoryChanged))

        def announce() -> None:
            with seeded.transaction() as session:
                directory.announce(session, NOW)

        with ThreadPoolExecutor(at_once) as pool:
            for done in [pool.submit(announce) for _ in range(at_once)]:
                done.result()
        return [event.subject for event in published(seeded, DirectoryChanged)[before:]]

    seed = sorted(event.subject for event in published(seeded, DirectoryChanged))
    assert sorted(announced(at_once=4)) == seed, "each record once, whoever starts at the same time"
    assert announced() == []
    monkeypatch.setattr(directory, "EDITION", directory.EDITION + 1)
    assert sorted(announced()) == seed


def test_an_announcement_says_what_holds_now_and_consumers_keep_the_newest(seeded) -> None:
    with seeded.transaction() as session:
        record = directory.department_record(session, "home")
    put(seeded, record.model_copy(update={"name": {**record.name, "en": "Home and Justice"}}))
    with seeded.transaction() as session:
        directory.announce(session, NOW)
    told = [e.department for e in published(seeded, DirectoryChanged) if e.department]
    assert [one.name["en"] for one in told if one.code == "home"][-1] == "Home and Justice"
    with seeded.transaction() as session:
        seqs = session.scalars(
            select(outbox.c.seq).where(outbox.c.subject == "department:home").order_by(outbox.c.position)
        ).all()
    assert sorted(set(seqs)) == seqs


def test_the_rules_of_gates_are_told_to_services_and_not_published(seeded) -> None:
    with seeded.transaction() as session:
        site = directory.site_record(session, "PCS1")
        assert site is not None
        assert site.gate_rules is not None
        assert [one.gate_rules for one in directory.sites(session).items] == [None, None]
        directory.announce(session, NOW)
    told = [e.site for e in published(seeded, DirectoryChanged) if e.site and e.site.code == "PCS1"]
    assert [one.gate_rules for one in told] == [site.gate_rules] * 2
