"""The error of the local stack."""


class StackFailed(Exception):
    """Something could not be started or found. The message is one line for the person at the terminal."""
