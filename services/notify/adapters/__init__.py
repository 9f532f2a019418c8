"""What touches the outside or a library: channels, the wake-up listener, the sealing of personal data."""
