"""Former name of `services.gateway.openapi_file`, until nothing calls it any more."""

import sys

from contracts.documents import write_or_check
from services.gateway.openapi_file import FILE, document

if __name__ == "__main__":
    sys.exit(write_or_check(FILE, document()))
