"""Gate codes: ``PCS1-G1`` is gate 1 of the site ``PCS1``."""


def site_of(gate: str) -> str:
    """Return the site of a gate, ``PCS1`` of ``PCS1-G1``; an empty string where the text is no gate code."""
    return gate.rpartition("-G")[0]
