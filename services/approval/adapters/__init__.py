"""What touches a library: pictures."""
