"""Matroska (`.mkv`): which tracks and attached files it holds, and where the images lie."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from slam.sources.container import File

# An element is its identity, the number of its bytes, and these bytes. Those that hold others:
SEGMENT, INFO, TRACKS, TRACK, VIDEO = 0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0
ATTACHMENTS, ATTACHED, CLUSTER, GROUP = 0x1941A469, 0x61A7, 0x1F43B675, 0xA0
_HOLD_OTHERS = (SEGMENT, INFO, TRACKS, TRACK, VIDEO, ATTACHMENTS, ATTACHED, CLUSTER, GROUP)
# Those that hold values:
HEADER, TICK_NS, CLUSTER_TIME, BLOCK, SIMPLE_BLOCK = 0x1A45DFA3, 0x2AD7B1, 0xE7, 0xA1, 0xA3
NUMBER, NAME, CODEC_SETUP, WIDTH, HEIGHT = 0xD7, 0x536E, 0x63A2, 0xB0, 0xBA
FILE_NAME, FILE_DATA = 0x466E, 0x465C
_MOST_HEAD = 12  # bytes of an identity and a size
_FOURCC = slice(16, 20)  # of a BITMAPINFOHEADER, which sets up most raw and JPEG video
_LACING = 0x06  # of a block's flags: it holds several images


@dataclass
class Track:
    """A stream of images."""

    number: int = 0
    name: str = ""
    codec: str = ""  # four letters
    width: int = 0
    height: int = 0


class Block(NamedTuple):
    """Where an image is, and when it was taken."""

    track: int
    time_ns: int
    offset: int
    num_bytes: int


@dataclass
class Matroska:
    """What is in a file; its images stay there."""

    is_matroska: bool = False
    is_cut_off: bool = False
    tracks: list[Track] = field(default_factory=list)
    attached: dict[str, bytes] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)


def read_matroska(file: File) -> Matroska:
    """Walk from element to element, past the images; what is cut off at the end is left out."""
    found = Matroska()
    tick_ns, cluster_time, file_name = 1_000_000, 0, ""
    for identity, offset, size in _elements(file):
        if offset + size > file.size and identity not in _HOLD_OTHERS:
            found.is_cut_off = True
            return found
        if identity == HEADER:
            found.is_matroska = True
        elif not found.is_matroska:
            return found
        elif identity == TICK_NS:
            tick_ns = int.from_bytes(file.read(offset, size))
        elif identity == TRACK:
            found.tracks.append(Track())
        elif identity in (NUMBER, NAME, CODEC_SETUP, WIDTH, HEIGHT) and found.tracks:
            _set_up(found.tracks[-1], identity, file.read(offset, size))
        elif identity == FILE_NAME:
            file_name = file.read(offset, size).decode(errors="replace").rstrip("\0")
        elif identity == FILE_DATA:
            found.attached[file_name] = file.read(offset, size)
        elif identity == CLUSTER_TIME:
            cluster_time = int.from_bytes(file.read(offset, size))
        elif identity in (BLOCK, SIMPLE_BLOCK):
            block = _block(file, offset, size, cluster_time, tick_ns)
            found.blocks += [] if block is None else [block]
    return found


def _elements(file: File) -> Iterator[tuple[int, int, int]]:
    """Yield identity, offset and size of each element, of those that hold others before these:
    their own size is not needed, and a recorder that was stopped has not written it.
    """
    at = 0
    while at < file.size:
        head = file.read(at, _MOST_HEAD)
        identity, id_bytes = _number(head, keeps_length=True)
        size, size_bytes = _number(head[id_bytes:])
        if id_bytes == 0 or size_bytes == 0:
            return
        at += id_bytes + size_bytes
        yield identity, at, size
        at += 0 if identity in _HOLD_OTHERS else size


def _number(data: bytes, keeps_length: bool = False) -> tuple[int, int]:
    """Return a number, and its length in bytes: one more than the zero bits before its first one,
    which belongs to an identity, but not to a size. The length of what is no number is 0.
    """
    if not data or data[0] == 0:
        return 0, 0
    length = 9 - data[0].bit_length()
    value = int.from_bytes(data[:length])
    return (value if keeps_length else value - (1 << 7 * length)), length


def _set_up(track: Track, identity: int, data: bytes) -> None:
    if identity == NUMBER:
        track.number = int.from_bytes(data)
    elif identity == NAME:
        track.name = data.decode(errors="replace").rstrip("\0")
    elif identity == CODEC_SETUP:
        track.codec = data[_FOURCC].decode("ascii", errors="replace")
    elif identity == WIDTH:
        track.width = int.from_bytes(data)
    elif identity == HEIGHT:
        track.height = int.from_bytes(data)


def _block(file: File, offset: int, size: int, cluster_time: int, tick_ns: int) -> Block | None:
    """Return the one image of a block; None where it holds several."""
    head = file.read(offset, _MOST_HEAD)
    track, num_bytes = _number(head)
    time = int.from_bytes(head[num_bytes : num_bytes + 2], signed=True)
    if head[num_bytes + 2] & _LACING:
        return None
    num_bytes += 3
    time_ns = (cluster_time + time) * tick_ns
    return Block(track, time_ns, offset + num_bytes, size - num_bytes)
