"""What can go wrong with the local stack, said in one line."""


class StackFailed(Exception):
    """Something could not be started or found; the message is one line for the person at the terminal."""
