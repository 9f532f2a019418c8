"""Finding a name however it is spelt: in any of the three scripts, in either case, typed in Latin letters by ear.

Two spellings meet in a skeleton of consonants: the Indic scripts are transliterated (the inherent vowel and the
choice between ``i`` and ``ee`` are what people write differently), vowels but a leading one and aspiration dropped.
"""

import re
import unicodedata

from indic_transliteration import sanscript

SHORTEST_BEGINNING = 3
"""A shorter skeleton is many a name's beginning (``kr`` is Kaur, and begins Kiran): it has to be the whole word's."""
_SCRIPTS = (sanscript.GURMUKHI, sanscript.DEVANAGARI)
_NASAL = re.compile(r"m(?=[^\Waeioupbm])")
_WRITTEN_AS = str.maketrans({"w": "v", "f": "p", "z": "j", "q": "k"})


def matches(query: str, *texts: str) -> bool:
    """Whether each word of a query occurs in one of the texts, as typed or by its sound. No words match anything."""
    written = " ".join(texts).casefold()
    sounds = [sound(word) for word in written.split()]
    return all(word in written or _is_heard(word, sounds) for word in query.casefold().split())


def sound(word: str) -> str:
    """The skeleton of a word: ``Gurpreet``, ``gurprit``, ``ਗੁਰਪ੍ਰੀਤ`` and ``गुरप्रीत`` are all ``grprt``."""
    latin = word
    for script in _SCRIPTS:
        latin = sanscript.transliterate(latin, script, sanscript.IAST)
    plain = "".join(char for char in unicodedata.normalize("NFKD", latin.casefold()) if "a" <= char <= "z")
    spelt = re.sub(r"^[aeiou]", "A", _NASAL.sub("n", plain).translate(_WRITTEN_AS))
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[aeiou]|(?<=.)h", "", spelt))


def _is_heard(word: str, sounds: list[str]) -> bool:
    skeleton = sound(word)
    if len(skeleton) < SHORTEST_BEGINNING:
        return len(skeleton) > 1 and skeleton in sounds
    return any(candidate.startswith(skeleton) for candidate in sounds)
