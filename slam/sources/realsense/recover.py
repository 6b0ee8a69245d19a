"""Recordings that were cut off: a copy that holds what can still be read.

A `.db3` is an SQLite database. One whose end is missing (the disk was full, the recorder was
killed, the transfer broke off) is refused whole, because its header states the size it had.
"""

import logging
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path

from slam.errors import SlamError

logger = logging.getLogger(__name__)
_MAGIC = b"SQLite format 3\0"
_PAGE_COUNT = slice(28, 32)
_TABLES = ("topics", "messages")


@dataclass(frozen=True)
class Recovered:
    """A copy in a temporary folder."""

    path: Path

    def discard(self) -> None:
        """Delete the copy."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def is_cut_off(path: Path) -> bool:
    """Whether this is a `.db3` that is shorter than its header says."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
        size = path.stat().st_size
    except OSError as error:
        raise SlamError(f"cannot read recording {path}: {error.strerror}") from error
    if not header.startswith(_MAGIC):
        return False
    return size < _page_size(header) * int.from_bytes(header[_PAGE_COUNT], "big")


def recover(path: Path) -> Recovered:
    """Copy what can be read of a recording that was cut off, and say so in a warning."""
    folder = Path(tempfile.mkdtemp(prefix="twinmap-recovered-"))
    try:
        whole_pages = folder / "pages.db3"
        _copy_pages(path, whole_pages)
        copy = folder / path.name
        num_images = _copy_rows(whole_pages, copy)
        whole_pages.unlink()
    except (OSError, sqlite3.Error) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise SlamError(f"{path} is cut off, and nothing of it can be read: {error}") from error
    if num_images == 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise SlamError(f"{path} is cut off before its first image")
    logger.warning("%s is cut off: replaying the %d images before the cut", path, num_images)
    return Recovered(copy)


def _page_size(header: bytes) -> int:
    size = int.from_bytes(header[16:18], "big")
    return 65536 if size == 1 else max(size, 512)


def _copy_pages(path: Path, copy: Path) -> None:
    """Copy the whole pages, with their true number in the header."""
    shutil.copyfile(path, copy)
    with copy.open("r+b") as file:
        num_pages = path.stat().st_size // (page_size := _page_size(file.read(100)))
        file.truncate(num_pages * page_size)
        file.seek(_PAGE_COUNT.start)
        file.write(num_pages.to_bytes(4, "big"))


def _copy_rows(path: Path, copy: Path) -> int:
    """Copy rows up to the first that cannot be read; return how many of them are images."""
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    try:
        for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL"):
            target.execute(sql)
        for table in _TABLES:
            try:
                for row in source.execute(f"SELECT * FROM {table} ORDER BY id"):
                    target.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)
            except sqlite3.DatabaseError as error:
                logger.info("%s: %s", path, error)
        target.commit()
        (num_images,) = target.execute(
            "SELECT count(*) FROM messages JOIN topics ON topic_id = topics.id "
            "WHERE name LIKE '%/image/data/%'"
        ).fetchone()
        return int(num_images)
    finally:
        source.close()
        target.close()
