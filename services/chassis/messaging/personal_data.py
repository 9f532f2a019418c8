"""The key ring of the personal block, built once from the settings."""

from functools import lru_cache

from contracts.envelope import PersonalKeyRing
from services.chassis.runtime.settings import settings


@lru_cache(maxsize=1)
def key_ring() -> PersonalKeyRing:
    """The ring of this process."""
    return PersonalKeyRing(settings().personal_keys)
