"""Transliteration of names from Gurmukhi or Devanagari: a Latin spelling that the applicant may correct.

The letters come from the transliteration library (ISO 15919). The library cannot know which inherent vowels
are silent: ``guraprīta kaura`` is pronounced Gurprit Kaur. The usual rule for Hindi and Punjabi applies: the
vowel is silent at the end of a word, and between two consonants that have a vowel on their other side, seen
from the end of the word.
"""

import re
import unicodedata

from contracts.common_names import customary
from contracts.mobile import ascii_digits
from contracts.spelling import INDIC_WORD, iso_15919

_SOUND = re.compile("k͟h|[kgcjṭḍtdpbṛ]h|r̥̄?|l̥̄?|m̐|a[iu]|[^\\W\\d_]", re.IGNORECASE)
_VOWEL = re.compile("a[iu]?|[āiīuūeēoōôêæ]|r̥̄?|l̥̄?")
_NASAL = ("ṁ", "m̐")
_HELD = frozenset("rlyvmnṇ")
"""After another consonant they need the final vowel: Mishra, Chandra, Krishna."""
_GLIDES = frozenset("rlyv")
"""They begin a syllable together with the consonant before them: pr, kr, sv."""
_SPELLED = {
    "c": "ch", "ch": "chh", "ṭ": "t", "ṭh": "th", "ḍ": "d", "ḍh": "dh", "ṇ": "n", "ñ": "n", "ṅ": "n",
    "ś": "sh", "ṣ": "sh",
    "ṛ": "r", "ṛh": "rh", "ḷ": "l", "k͟h": "kh", "ġ": "g", "ẏ": "y", "ā": "a", "ī": "i", "ū": "u",
    "ē": "e", "ō": "o",
    "ô": "o", "ê": "e", "æ": "e", "r̥": "ri", "r̥̄": "ri", "l̥": "li", "l̥̄": "li",
}  # fmt: skip


def suggest_latin(name: str) -> str:
    """Return the name with each Indic word spelled in ASCII letters; other words stay as they are.

    A common name is spelt as is customary, any other one as it is pronounced.
    """
    return ascii_digits(
        INDIC_WORD.sub(lambda word: customary(word.group()) or _spell(word.group()), ascii_digits(name))
    )


def _spell(word: str) -> str:
    sounds = _without_silent_vowels([sound for sound in _SOUND.findall(iso_15919(word)) if sound != "ḥ"])
    letters = "".join(_letters(sounds, at) for at in range(len(sounds))).replace("chch", "cch")
    plain = unicodedata.normalize("NFKD", letters).encode("ascii", "ignore").decode()
    return plain[:1].upper() + plain[1:]


def _letters(sounds: list[str], at: int) -> str:
    sound, after, beyond = (*sounds[at : at + 3], "", "")[:3]
    if sound in _NASAL:
        return _nasal(after, beyond)
    if (sound, after) == ("j", "ñ"):
        return "gy"
    if at and (sounds[at - 1], sound) == ("j", "ñ"):
        return ""
    return _SPELLED.get(sound, sound)


def _nasal(after: str, beyond: str) -> str:
    if after == "m" and beyond and _is_consonant(beyond):
        return ""
    if after in ("p", "ph", "b", "bh", "m"):
        return "m"
    return "ng" if after == "h" else "n"


def _without_silent_vowels(sounds: list[str]) -> list[str]:
    for at in range(len(sounds) - 1, 0, -1):
        if sounds[at] == "a" and (
            _is_silent_end(sounds, at) if at == len(sounds) - 1 else _is_silent_within(sounds, at)
        ):
            del sounds[at]
    return sounds


def _is_silent_end(sounds: list[str], at: int) -> bool:
    if at == 1:
        return True  # a letter that stands alone is an abbreviation
    if not any(_is_vowel(sound) for sound in sounds[:at]):
        return False
    last, before = sounds[at - 1], sounds[at - 2]
    is_cluster = not _is_vowel(before) and before not in _NASAL and before != last
    return not (is_cluster and last in _HELD)


def _is_silent_within(sounds: list[str], at: int) -> bool:
    if at < 2 or at + 2 >= len(sounds):
        return False
    before, after, beyond = sounds[at - 1], sounds[at + 1], sounds[at + 2 :]
    if beyond[0] in _GLIDES and after not in _HELD:
        beyond = beyond[1:]
    return (
        _is_vowel(sounds[at - 2])
        and _is_consonant(before)
        and _is_consonant(after)
        and bool(beyond)
        and _is_vowel(beyond[0])
    )


def _is_vowel(sound: str) -> bool:
    return _VOWEL.fullmatch(sound) is not None


def _is_consonant(sound: str) -> bool:
    return not _is_vowel(sound) and sound not in _NASAL
