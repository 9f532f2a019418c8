"""Path and query parameters that several routes share."""

from typing import Annotated

from fastapi import Path, Query

from contracts.model import Code

Reference = Annotated[
    str, Path(max_length=40, description="Such as `PCS-7K3M-9QW4`; case and hyphens do not matter.")
]
PassNo = Annotated[str, Path(max_length=20, description="Eight characters.")]
LoginCode = Annotated[Code, Path()]
After = Annotated[str | None, Query(max_length=200, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]
