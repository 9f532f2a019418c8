"""The audit log of a service: who looked at and did what, chained by seals whose heads are published.

``record.py`` adds the rows, ``refusals.py`` those of refusals that are counted by the minute. ``seals.py``
chains them, ``heads.py`` signs what is published, ``entries.py`` answers auditors. `epass audit verify`
(``services/ops/commands/audit.py``) checks it all.
"""
