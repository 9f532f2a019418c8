"""Sets of words that later versions may extend, as a reader of events meets them.

A producer of the next version may say a word that this version does not know. An event is then read with a
word that this version does know and that promises nothing; a request with such a word is refused as ever.
"""

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core.core_schema import ValidationInfo

READING: dict[str, object] = {"reading": "event"}
"""The validation context in which an unknown word is replaced."""


def else_(word: str | None) -> WrapValidator:
    """Return the annotation of a field in which ``word`` stands for every word that is not known here."""

    def read(value: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
        try:
            return handler(value)
        except ValidationError:
            if info.context is not READING or not isinstance(value, str):
                raise
            return word

    return WrapValidator(read)
