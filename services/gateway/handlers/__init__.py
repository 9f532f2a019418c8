"""What pages and the JSON interface do alike, where it is more than one call of a service."""
