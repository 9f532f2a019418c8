"""Who may call: `callers` names everybody, and the other modules find out who it is."""
