"""What touches a library: the store of signing keys, and the picture of a QR code."""
