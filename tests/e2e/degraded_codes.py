"""Pictures of passes as a camera at a gate sees them: blurred, tilted, dim, in glare, cracked, small.

The same seed makes the same pictures. Passes are signed with a key of their own.

Usage: python -m tests.e2e.degraded_codes FOLDER
"""

import math
import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

from contracts.crockford import ALPHABET
from contracts.tokens import PASS_TYP, PassClaims
from services.chassis.tokens.signing_key import SigningKey
from tests.e2e.camera import HEIGHT, WIDTH, code

SEED = 20261127
EACH = 9
"""Pictures of each kind."""
KEY = SigningKey.from_seed("bm90IGEgc2VjcmV0LCBidXQgdGhpcnR5LXR3byBieXQ")
Change = Callable[[Image.Image, random.Random], Image.Image]


def token(chance: random.Random) -> str:
    """Return the token of a pass with everything in it that makes a code large."""
    begins = int(datetime(2026, 12, 1, 4, tzinfo=UTC).timestamp())
    claims = PassClaims(
        iss="epass.punjab.gov.in",
        jti="".join(chance.choice(ALPHABET) for _ in range(8)),
        nbf=begins,
        exp=begins + 7_200,
        site="PCS1",
        party=chance.randint(1, 5),
        gate="PCS1-G1",
        idc="".join(chance.choice("ABCDEFGHJKabcdefgh0123456789-_") for _ in range(11)),
    )
    return KEY.sign(claims.payload(), PASS_TYP)


def in_front_of_camera(shown: Image.Image, chance: random.Random, background: int = 110) -> Image.Image:
    """Return the frame of a camera with the code near its middle."""
    frame = Image.new("L", (WIDTH, HEIGHT), background)
    left = (WIDTH - shown.width) // 2 + chance.randint(-60, 60)
    top = max(0, min(HEIGHT - shown.height, (HEIGHT - shown.height) // 2 + chance.randint(-40, 40)))
    frame.paste(shown, (left, top))
    return frame


def blurred(shown: Image.Image, chance: random.Random) -> Image.Image:
    frame = in_front_of_camera(shown, chance)
    if chance.random() < 0.5:
        return frame.filter(ImageFilter.GaussianBlur(chance.uniform(1.8, 3.4)))
    length = chance.choice((3, 5))  # the hand moves to the side
    kernel = [1 if row == length // 2 else 0 for row in range(length) for _ in range(length)]
    return frame.filter(ImageFilter.Kernel((length, length), kernel)).filter(ImageFilter.GaussianBlur(0.8))


def turned(shown: Image.Image, chance: random.Random) -> Image.Image:
    whole = shown.rotate(chance.uniform(5, 355), Image.Resampling.BICUBIC, expand=True, fillcolor=110)
    if whole.height > HEIGHT:
        whole = whole.resize((whole.width * HEIGHT // whole.height, HEIGHT), Image.Resampling.LANCZOS)
    return noisy(in_front_of_camera(whole, chance), chance, 8)


def tilted(shown: Image.Image, chance: random.Random) -> Image.Image:
    """The pass is held at an angle: one side is further away."""
    frame = in_front_of_camera(shown, chance)
    left, top = (WIDTH - shown.width) // 2, (HEIGHT - shown.height) // 2
    right, bottom = left + shown.width, top + shown.height
    much = shown.width * chance.uniform(0.12, 0.27)
    seen = [(left, top), (right, top), (right, bottom), (left, bottom)]
    at = chance.randrange(4)
    for corner, sign in ((at, 1), ((at + 1) % 4, -1)):
        x, y = seen[corner]
        along_x = seen[at][1] == seen[(at + 1) % 4][1]
        step = math.copysign(much, (seen[(at + 1) % 4][0] - seen[at][0]) or 1) * sign
        step_y = math.copysign(much, (seen[(at + 1) % 4][1] - seen[at][1]) or 1) * sign
        seen[corner] = (x + step, y) if along_x else (x, y + step_y)
    flat = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return noisy(
        frame.transform(
            frame.size, Image.Transform.PERSPECTIVE, _coefficients(seen, flat), Image.Resampling.BICUBIC,
            fillcolor=110,
        ),
        chance, 6,
    )  # fmt: skip


def dim(shown: Image.Image, chance: random.Random) -> Image.Image:
    """It is dark, and the sensor is noisy."""
    frame = ImageEnhance.Brightness(in_front_of_camera(shown, chance)).enhance(chance.uniform(0.09, 0.2))
    return noisy(frame, chance, chance.uniform(8, 15)).filter(ImageFilter.GaussianBlur(0.7))


def in_glare(shown: Image.Image, chance: random.Random) -> Image.Image:
    """The sun is on the screen: all is pale, and a spot is white."""
    frame = in_front_of_camera(shown, chance).point(lambda value: 90 + value * 165 // 255)
    spot = Image.new("L", frame.size, 0)
    radius = shown.width * chance.uniform(0.18, 0.26)
    x = WIDTH / 2 + chance.uniform(-0.12, 0.3) * shown.width
    y = HEIGHT / 2 + chance.uniform(-0.12, 0.3) * shown.height
    ImageDraw.Draw(spot).ellipse((x - radius, y - radius * 0.6, x + radius, y + radius * 0.6), fill=255)
    return ImageChops.lighter(frame, spot.filter(ImageFilter.GaussianBlur(radius / 2.5)))


def cracked(shown: Image.Image, chance: random.Random) -> Image.Image:
    """The glass of the phone is broken: lines from one point over the screen."""
    shown = shown.copy()
    drawing = ImageDraw.Draw(shown)
    x, y = (shown.width * chance.uniform(0.3, 0.9) for _ in range(2))
    for _ in range(chance.randint(4, 7)):
        angle = chance.uniform(0, 2 * math.pi)
        points = [(x, y)]
        for step in range(1, 7):
            angle += chance.uniform(-0.25, 0.25)
            points.append((x + math.cos(angle) * step * 70, y + math.sin(angle) * step * 70))
        drawing.line(points, fill=chance.choice((30, 200, 235)), width=chance.choice((2, 3, 4)))
    return noisy(in_front_of_camera(shown, chance), chance, 6)


def damaged(shown: Image.Image, chance: random.Random) -> Image.Image:
    """The paper was creased and wet: spots and a crease hide some of it, but no corner."""
    shown = shown.copy()
    drawing = ImageDraw.Draw(shown)
    side = shown.width
    for _ in range(chance.randint(3, 5)):
        x, y, radius = (
            side * chance.uniform(0.35, 0.7),
            side * chance.uniform(0.35, 0.7),
            side * chance.uniform(0.012, 0.035),
        )
        drawing.ellipse((x - radius, y - radius, x + radius, y + radius), fill=chance.choice((40, 120, 215)))
    middle = side * chance.uniform(0.4, 0.6)
    drawing.line(
        ((0, middle), (side, middle + chance.uniform(-20, 20))), fill=200, width=chance.choice((3, 5))
    )
    return in_front_of_camera(shown, chance).filter(ImageFilter.GaussianBlur(0.9))


def small(shown: Image.Image, chance: random.Random) -> Image.Image:
    """It is far away, or printed small: between two and three pixels for a module."""
    side = chance.randint(190, 250)
    return noisy(in_front_of_camera(shown.resize((side, side), Image.Resampling.LANCZOS), chance), chance, 6)


KINDS: tuple[Change, ...] = (blurred, turned, tilted, dim, in_glare, cracked, damaged, small)


def noisy(frame: Image.Image, chance: random.Random, much: float) -> Image.Image:
    """Add the noise of a sensor, and what a JPEG loses. Pillow's own noise knows no seed."""
    grain = Image.frombytes("L", frame.size, chance.randbytes(frame.width * frame.height))
    grain = grain.filter(ImageFilter.GaussianBlur(0.8)).point(lambda value: 128 + (value - 128) * much / 40)
    content = BytesIO()
    ImageChops.add(frame, grain, 1, -128).save(content, "jpeg", quality=80)
    return Image.open(content).convert("L")


def pictures() -> Iterator[tuple[str, str, Image.Image]]:
    """Yield the kind of each picture, the token in it, and the picture."""
    chance = random.Random(SEED)
    for change in KINDS:
        for _ in range(EACH):
            written = token(chance)
            yield change.__name__, written, change(code(written, chance.randint(480, 620)), chance)


def _coefficients(seen: list[tuple[float, float]], flat: list[tuple[float, float]]) -> list[float]:
    """Return the numbers with which Pillow finds the point in the flat code for each that is seen."""
    rows = []
    for (x, y), (u, v) in zip(seen, flat, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    for column in range(8):
        pivot = max(range(column, 8), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for row in range(8):
            if row != column:
                factor = rows[row][column]
                rows[row] = [one - factor * other for one, other in zip(rows[row], rows[column], strict=True)]
    return [row[8] for row in rows]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, (kind, _, picture) in enumerate(pictures()):
        picture.save(folder / f"{kind}-{number % EACH}.png")
