"""What `tests/journey/test_refusals.py` expects of the processes, of the installation behind its proxy."""

from tests.journey.test_refusals import *  # noqa: F403  pytest collects the tests that are imported
