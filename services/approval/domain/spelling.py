"""Search for names regardless of spelling: in three scripts, in either case, typed in Latin by ear.

Two spellings of a name share a skeleton of consonants. The Indic scripts are transliterated; vowels are
dropped, except a leading one, because people differ in the inherent vowel and between ``i`` and ``ee``;
aspiration is dropped too.
"""

import re
import unicodedata

from indic_transliteration import sanscript

SHORTEST_BEGINNING = 3
"""A shorter skeleton begins too many names (``kr`` is Kaur and begins Kiran), so it has to match the whole
word."""
_SCRIPTS = (sanscript.GURMUKHI, sanscript.DEVANAGARI)
_NASAL = re.compile(r"m(?=[^\Waeioupbm])")
_WRITTEN_AS = str.maketrans({"w": "v", "f": "p", "z": "j", "q": "k"})


def matches(query: str, *texts: str) -> bool:
    """Return whether each word of a query occurs in a text, as typed or by its sound; no words match all."""
    written = " ".join(texts).casefold()
    sounds = [sound(word) for word in written.split()]
    return all(word in written or _sounds_like(word, sounds) for word in query.casefold().split())


def sound(word: str) -> str:
    """Return the skeleton of a word: ``grprt`` for ``Gurpreet``, ``gurprit``, ``ਗੁਰਪ੍ਰੀਤ`` and ``गुरप्रीत``."""
    latin = word
    for script in _SCRIPTS:
        latin = sanscript.transliterate(latin, script, sanscript.IAST)
    plain = "".join(char for char in unicodedata.normalize("NFKD", latin.casefold()) if "a" <= char <= "z")
    spelt = re.sub(r"^[aeiou]", "A", _NASAL.sub("n", plain).translate(_WRITTEN_AS))
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[aeiou]|(?<=.)h", "", spelt))


def _sounds_like(word: str, sounds: list[str]) -> bool:
    skeleton = sound(word)
    if len(skeleton) < SHORTEST_BEGINNING:
        return len(skeleton) > 1 and skeleton in sounds
    return any(candidate.startswith(skeleton) for candidate in sounds)
