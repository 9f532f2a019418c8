"""What touches the outside or a library: pass tokens (JOSE) and issuance's public keys."""
