"""The key ring of the contracts under the name by which services know it."""

from contracts.sealing import CannotOpen, SealedBox

__all__ = ["CannotOpen", "SealedBox"]
