"""``make clean``: stop what a killed run has left behind, then delete the local data.

Usage: python -m deploy.local.clean [FOLDER]
"""

import sys
from pathlib import Path

from deploy.local.console import print_error, print_line
from deploy.local.errors import StackFailed
from deploy.local.processes import ROOT
from deploy.local.stack import Stack


def main() -> int:
    """Clean; return the exit code."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".local"
    if not folder.exists():
        print_line(f"nothing to clean in {folder}")
        return 0
    try:
        Stack(folder).remove()
    except StackFailed as error:
        print_error(str(error))
        return 1
    print_line(f"deleted {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
