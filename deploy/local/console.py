"""Output of ``make run``: short lines, with colour only on a terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def print_line(line: str = "") -> None:
    """Print one line at once."""
    print(line, flush=True)


def print_heading(text: str) -> None:
    """Print a bold line after an empty one."""
    print_line(f"\n{_style('1', text)}")


def print_fact(name: str, value: object) -> None:
    """Print a name and its value in two columns."""
    print_line(f"  {name:<18} {value}")


def print_error(text: str) -> None:
    """Print one line about what went wrong, on stderr."""
    print(f"{_style('31', 'e-Pass:')} {text}", file=sys.stderr, flush=True)


@contextmanager
def timed(what: str, done: str = "ready") -> Iterator[None]:
    """Print how long the block took, if it succeeds."""
    began = time.monotonic()
    if sys.stdout.isatty():
        print(f"  {what:<28} …", end="\r", flush=True)
    yield
    print_line(f"  {what:<28} {done:<8} {time.monotonic() - began:5.1f} s")


def _style(code: str, text: str) -> str:
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() else text
