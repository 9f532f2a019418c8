"""How passwords are hashed, and how initial ones are made."""

import re
import subprocess
import sys
from uuid import UUID, uuid4

from pydantic import SecretStr

from services.accounts.adapters import passwords
from tests.support.stack.extent import long

SEED = UUID("6f1f7c52-8d7b-4a83-9d6e-7f6a2f1f0c11")
SECRET = SecretStr("test-password")


def test_hashes_are_argon2id_with_19_mib_two_passes_and_one_lane() -> None:
    assert passwords.hash_password("correct horse battery").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_password_matches_its_hash_and_no_other_does() -> None:
    stored = passwords.hash_password("correct horse battery")
    assert passwords.matches(stored, "correct horse battery")
    assert not passwords.matches(stored, "correct horse battery ")
    assert not passwords.matches(stored, "")
    assert not passwords.matches("no hash at all", "correct horse battery")


def test_a_password_is_the_same_in_composed_and_decomposed_unicode() -> None:
    assert passwords.matches(passwords.hash_password("caf\u00e9 in Chandigarh"), "cafe\u0301 in Chandigarh")


SIXTY_SIGN_INS = """
from services.chassis.process import serve
import eventlet, psutil, sys
from services.accounts import consumers, service
from services.accounts.adapters import passwords
from services.chassis.runtime import cpu_pool
if sys.argv[1] == "without the guard":
    cpu_pool._give_back_large_blocks = lambda: None
    from eventlet import tpool
    tpool.set_num_threads = lambda _: None
for _ in range(6):
    at_once = [eventlet.spawn(cpu_pool.offload, passwords.matches, passwords.NOBODY, "x") for _ in range(10)]
    for one in at_once:
        one.wait()
print(psutil.Process().memory_info().rss // 1_000_000)
"""


def megabytes_after_sixty_sign_ins(how: str) -> int:
    command = [sys.executable, "-W", "ignore", "-c", SIXTY_SIGN_INS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)


@long
def test_accounts_stays_below_150_megabytes_however_many_people_sign_in() -> None:
    assert megabytes_after_sixty_sign_ins("as it is") < 150
    assert megabytes_after_sixty_sign_ins("without the guard") > 150, "the measurement sees what is kept"


def test_an_unknown_login_costs_the_same_work_as_a_known_one() -> None:
    assert not passwords.HASHER.check_needs_rehash(passwords.NOBODY), "another hash would take another time"
    assert not passwords.matches(passwords.NOBODY, "")


def test_an_initial_password_is_three_groups_of_characters_that_are_easy_to_read() -> None:
    for _ in range(200):
        initial = passwords.initial_password(uuid4(), SECRET)
        assert re.fullmatch(r"(?:[a-hjkmnp-z2-9]{4}-){2}[a-hjkmnp-z2-9]{4}", initial), initial
        assert len(initial) == 14


def test_an_initial_password_is_derived_from_its_seed() -> None:
    assert passwords.initial_password(SEED, SECRET) == passwords.initial_password(SEED, SECRET)
    assert len({passwords.initial_password(uuid4(), SECRET) for _ in range(500)}) == 500
