"""The messages of a bag: by topic and place, read forward for as long as they are asked for in
order.
"""

from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from slam.errors import SlamError

MAX_KEPT = 64  # messages that were passed on the way to one that was asked for
MAX_AHEAD_NS = 2_000_000_000  # farther on, reading starts anew there
_TRUNCATED = 24  # bytes of a message that tell its stamp


class Stamped(NamedTuple):
    """When a message was received, and its own stamp; ns."""

    received_ns: int
    stamp_ns: int


class Bag:
    """A bag that is open for reading."""

    def __init__(self, path: Path) -> None:
        try:
            from rosbags.highlevel import AnyReader, AnyReaderError
            from rosbags.typesys import Stores, get_typestore
        except ImportError as error:
            raise SlamError(
                f"{path} is a ROS bag, which the package rosbags reads: pip install 'twinmap[ros]'"
            ) from error
        self.path = path
        try:
            # older ROS 2 bags do not say what their messages look like
            self._reader = AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE))
            self._reader.open()
        except (AnyReaderError, OSError, AssertionError, ValueError) as error:
            raise SlamError(f"cannot open the bag {path}: {one_line(error)}") from error

    def connections(self, *types: str) -> list[Any]:
        """Return the connections of message types, by topic."""
        found = [c for c in self._reader.connections if c.msgtype in types and c.msgcount > 0]
        return sorted(found, key=lambda connection: connection.topic)

    def first(self, connection: Any) -> Any:
        """Return the first message of a connection."""
        _, _, data = next(self._reader.messages([connection]))
        return self.message(connection, data)

    def every(self, connections: list[Any]) -> Iterator[Any]:
        """Yield all messages of some connections, which are few and small."""
        if not connections:
            return
        for connection, _, data in self._reader.messages(connections):
            yield self.message(connection, data)

    def message(self, connection: Any, data: bytes) -> Any:
        """Decode a message."""
        return self._reader.deserialize(data, connection.msgtype)

    def stamps(self, connections: list[Any]) -> list[list[Stamped]]:
        """Return the stamps of every message of each connection, in one pass over the bag; only the
        first bytes of a message are looked at.
        """
        found: dict[int, list[Stamped]] = {id(connection): [] for connection in connections}
        for connection, received_ns, data in self._reader.messages(connections):
            stamp_ns = stamp_of(bytes(data[:_TRUNCATED]), self._reader.is2)
            found[id(connection)].append(Stamped(received_ns, stamp_ns or received_ns))
        return [found[id(connection)] for connection in connections]


def stamp_of(data: bytes, is_ros2: bool) -> int:
    """Return the stamp of a message that begins with a header, ns.

    In ROS 1 the header is a counter, seconds, nanoseconds, each of 32 bits; in ROS 2, after four
    bytes that tell how it is written, seconds and nanoseconds.
    """
    order = "little" if not is_ros2 or data[1] == 1 else "big"
    seconds, nanoseconds = (int.from_bytes(data[at : at + 4], order) for at in (4, 8))
    return seconds * 1_000_000_000 + nanoseconds


class MessageCursor:
    """Gives messages of some connections by their number among those of their connection.

    One thread asks at a time. What is asked for in order is read once, in the order of the bag, and
    what else is passed on the way is kept for a while.
    """

    def __init__(self, bag: Bag, connections: list[Any], stamps: list[list[Stamped]]) -> None:
        self._bag, self._connections = bag, connections
        self._received_ns = [[stamp.received_ns for stamp in of] for of in stamps]
        self._which = {id(connection): k for k, connection in enumerate(connections)}
        self._kept: dict[tuple[int, int], bytes] = {}
        self._next = [0] * len(connections)  # number of the next message of each connection
        self._messages: Iterator[Any] = iter(())
        self._now_ns: int | None = None

    def message(self, which: int, number: int) -> Any:
        """Return message `number` of connection `which`."""
        data = self._kept.get((which, number)) or self._read_up_to(which, number)
        return self._bag.message(self._connections[which], data)

    def _read_up_to(self, which: int, number: int) -> bytes:
        wanted_ns = self._received_ns[which][number]
        is_behind = number < self._next[which]
        if self._now_ns is None or is_behind or wanted_ns - self._now_ns > MAX_AHEAD_NS:
            self._start(wanted_ns)
        for connection, received_ns, data in self._messages:
            k = self._which[id(connection)]
            key = (k, self._next[k])
            self._next[k] += 1
            self._now_ns = received_ns
            self._kept[key] = bytes(data)
            if len(self._kept) > MAX_KEPT:
                self._kept.pop(next(iter(self._kept)))
            if key == (which, number):
                return self._kept[key]
        raise SlamError(f"{self._bag.path} ends before message {number} of its index")

    def _start(self, from_ns: int) -> None:
        self._kept.clear()
        self._next = [bisect_left(times_ns, from_ns) for times_ns in self._received_ns]
        self._now_ns = from_ns
        self._messages = self._bag._reader.messages(self._connections, start=from_ns)


def one_line(error: BaseException) -> str:
    """Return the text of an error without its line ends."""
    return " ".join(str(error).split()) or type(error).__name__
