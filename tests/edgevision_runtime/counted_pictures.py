"""Pictures that carry a number, so that whoever gets one knows that a camera made it, and which one it was.

Twenty bits and ten that check them are painted as pairs of fields, one bright and one dark: the left one of a pair is
bright for a one. What is grey, black, torn, mixed of two pictures or made up shows no number. Imports nothing, because
the RTSP server runs in a Python without numpy.
"""

WIDTH, HEIGHT = 320, 240
COLUMNS, ROWS = 10, 6
BRIGHT, DARK = 200, 50
BITS, CHECK_BITS = 20, 10
COUNT_BITS = 14  # of the twenty; those above them say which server it was
FPS = 20


def number_of(generation: int, count: int) -> int:
    """The number of picture `count` (0 … 16383) of the server `generation` (0 … 63)."""
    assert count < 1 << COUNT_BITS
    return generation << COUNT_BITS | count


def plane(number: int) -> bytes:
    """A grey picture, 240 rows of 320 bytes."""
    bright = bright_fields(number)
    rows = []
    for row in range(ROWS):
        fields = [BRIGHT if row * COLUMNS + column in bright else DARK for column in range(COLUMNS)]
        rows.append(b"".join(bytes([level]) * (WIDTH // COLUMNS) for level in fields) * (HEIGHT // ROWS))
    return b"".join(rows)


def bright_fields(number: int) -> set[int]:
    """Which of the sixty fields are bright."""
    code = number << CHECK_BITS | _check(number)
    return {2 * bit + (0 if code >> bit & 1 else 1) for bit in range(BITS + CHECK_BITS)}


def number_in(bright: set[int]) -> int | None:
    """The number that these fields show; None when they show none."""
    code = sum(1 << field // 2 for field in bright if field % 2 == 0)
    number = code >> CHECK_BITS
    return number if bright_fields(number) == bright else None


def _check(number: int) -> int:
    return (number * 0x9E3779B1 & 0xFFFFFFFF) >> 32 - CHECK_BITS
