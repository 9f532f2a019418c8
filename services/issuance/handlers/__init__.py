"""The use cases, one plain function each: passes are made and ended, shown, and listed when they are revoked."""
