"""The health check of a container: exit code 0 if the process in it is ready.

Usage: python -m deploy.compose.health PORT
"""

import sys
from http.client import HTTPConnection

PATH = "/readyz"
SECONDS = 4


def is_ready(port: int) -> bool:
    """Return whether ``/readyz`` on this port answers 200.

    Raises:
        OSError: nobody answers.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("GET", PATH)
    return connection.getresponse().status == 200


if __name__ == "__main__":
    sys.exit(not is_ready(int(sys.argv[1])))
