"""The rules of a pass. They read no clock, no database and no settings."""
