"""Names by ear: the same name in three scripts, in either case, as people spell it.

Two spellings of a name share a skeleton of consonants. Indic letters become Latin by ISO 15919. Vowels are
dropped, except a leading one, because people differ in the inherent vowel and between ``i`` and ``ee``;
aspiration and doubled consonants are dropped too. A ``y`` after the first letter counts as a vowel. An ``h``
after a vowel is heard, and stays: Mohan is not Meena.
"""

import re
import unicodedata
from functools import cache

from indic_transliteration import sanscript

from contracts.common_names import CommonName, common_name

SHORTEST_BEGINNING = 3
"""A shorter skeleton begins too many names (``kr`` is Kaur and begins Kiran), so it has to match the whole
word."""
SHORTEST_WRITTEN, LONGEST_WRITTEN = 2, 4
"""Letters of the beginnings that are kept as they are written. A longer one has a skeleton that is long
enough, or is the whole word."""
LONGEST_RUN = 16
"""Letters of the skeleton of a whole name that are kept."""

INDIC_WORD = re.compile("[\u0900-\u097f\u0a00-\u0a7f\u200c\u200d]+")
_WORD = re.compile(r"[^\W_]+(?:[\u0900-\u097f\u0a00-\u0a7f\u200c\u200d]+[^\W_]*)*")
_WITH_DOT = (
    0x0A33, 0x0A36, 0x0A59, 0x0A5A, 0x0A5B, 0x0A5E, 0x0958, 0x0959, 0x095A, 0x095B, 0x095C, 0x095E, 0x095F,
)  # fmt: skip
_COMPOSED = {unicodedata.normalize("NFD", chr(code)): chr(code) for code in _WITH_DOT}
"""NFC decomposes these letters, but the library knows only the composed ones."""
_INDIC_SOUNDS = (
    (re.compile("ḥ"), ""),
    (re.compile("m̐"), "ṁ"),
    (re.compile("jñ"), "g"),
    (re.compile("ṁ(?=h)"), "ng"),
    (re.compile("ṁ(?=[pbm])"), "m"),
    (re.compile("ṁ"), "n"),
)
"""What ISO 15919 writes → what is heard: ज्ञान is Gyan, सिंह is Singh, ਢਿੱਲੋਂ is Dhillon."""
_LATIN_SOUNDS = (
    (re.compile("x"), "ks"),
    (re.compile("c?ck|q"), "k"),
    (re.compile("(?:t|c|ch)?ch"), "C"),
    (re.compile("c(?=[eiy])"), "s"),
    (re.compile("c"), "k"),
    (re.compile("C"), "c"),
)
"""What people write in Latin letters → the same letters as above: Laxmi, Vicky, Bachchan, Prince."""
_ALIKE = str.maketrans({"w": "v", "f": "p", "z": "j", "q": "k"})


def iso_15919(word: str) -> str:
    """Return a word in Gurmukhi or Devanagari in Latin letters with their marks; others as they are."""
    for apart, whole in _COMPOSED.items():
        word = word.replace(apart, whole)
    is_gurmukhi = any("\u0a00" <= char <= "\u0a7f" for char in word)
    scheme = sanscript.GURMUKHI if is_gurmukhi else sanscript.DEVANAGARI
    return str(sanscript.transliterate(word, scheme, sanscript.ISO))


def sound(word: str) -> str:
    """Return the skeleton of a word: ``grprt`` for ``Gurpreet``, ``gurprit``, ``ਗੁਰਪ੍ਰੀਤ`` and ``गुरप्रीत``."""
    is_indic = INDIC_WORD.search(word) is not None
    latin = iso_15919(word) if is_indic else _plain(word)
    for written, heard in _INDIC_SOUNDS if is_indic else _LATIN_SOUNDS:
        latin = written.sub(heard, latin)
    letters = re.sub(r"(?<=[^aeiou])h", "", _plain(latin)).translate(_ALIKE)
    once = re.sub(r"(.)\1+", r"\1", letters)
    return re.sub(r"[aeiou]|(?<=.)y", "", re.sub(r"^[aeiou]", "A", once))


def matches(query: str, *texts: str) -> bool:
    """Return whether each word of a query occurs in a text, as typed or by its sound; no words match all."""
    written = " ".join(texts).casefold()
    sounds = [sound(word) for word in written.split()]
    return all(word in written or _sounds_like(word, sounds) for word in query.casefold().split())


def keys(*names: str) -> set[str]:
    """Return under which keys a name is found: the beginnings of its words, as heard and as written.

    A whole skeleton ends in ``$``. The words of a name also count as one, so that ``Harjinder`` finds
    ``Har Jinder``. A common name is kept under all its spellings: ``Saigal`` finds ``Sehgal``.
    """
    found = set()
    for name in names:
        words = _words(name)
        found |= _heard("".join(sound(word) for word in words)[:LONGEST_RUN])
        for word in words:
            known = common_name(word)
            found |= _kept_under(known) if known else _kept(word)
    return found


def sounds(name: str) -> list[frozenset[str]]:
    """Return for each word of a name how it may be heard: a common name as each of its spellings."""
    return [_sounds_of(word) for word in _words(name)]


def _sounds_of(word: str) -> frozenset[str]:
    known = common_name(word)
    return _sounds_of_common(known) if known else frozenset({sound(word)})


@cache
def _sounds_of_common(name: CommonName) -> frozenset[str]:
    return frozenset(sound(spelling) for spelling in (name.customary, *name.forms, *name.alternates))


def wanted(query: str) -> list[list[str]]:
    """Return what a name must be kept under to match a query: one key of each list; none if nothing is named.

    See `keys`.
    """
    return [one for one in (_keys_of(word) for word in _words(query)) if one]


def _heard(skeleton: str) -> set[str]:
    return {skeleton[:end] for end in range(SHORTEST_BEGINNING, len(skeleton) + 1)}


def _kept(word: str) -> set[str]:
    heard, longest = sound(word), min(len(word), LONGEST_WRITTEN)
    written = {f"={word[:end]}" for end in range(SHORTEST_WRITTEN, longest + 1)}
    return _heard(heard) | written | ({f"{heard}$"} if heard else set())


@cache
def _kept_under(name: CommonName) -> frozenset[str]:
    """Return the keys of all spellings of a common name."""
    spellings = (name.customary, *name.forms, *name.alternates)
    return frozenset().union(*(_kept(spelling.casefold()) for spelling in spellings))


def _keys_of(word: str) -> list[str]:
    heard = sound(word)
    if len(heard) >= SHORTEST_BEGINNING:
        return [heard]
    as_written = [f"={word}"] if SHORTEST_WRITTEN <= len(word) <= LONGEST_WRITTEN else []
    return [*([f"{heard}$"] if heard and len(word) >= SHORTEST_WRITTEN else []), *as_written]


def _words(text: str) -> list[str]:
    """Return the words of a text in small letters; Indic vowel signs belong to their word."""
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())


def _plain(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if "a" <= char <= "z")


def _sounds_like(word: str, sounds: list[str]) -> bool:
    skeleton = sound(word)
    if len(skeleton) < SHORTEST_BEGINNING:
        return len(skeleton) > 1 and skeleton in sounds
    return any(candidate.startswith(skeleton) for candidate in sounds)
