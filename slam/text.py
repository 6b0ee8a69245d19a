"""Text files as people have them: byte order marks, line ends of any system, commas, headers."""

from collections.abc import Iterator
from pathlib import Path

from slam.errors import SlamError


def read_text(path: Path) -> str:
    """Read a text file, without the byte order mark that Windows editors write."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SlamError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SlamError(f"cannot read {path}: {error}") from error


def numbered_rows(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that hold data, with their numbers (from 1) and with spaces for commas: no
    comments, no empty lines, and not the header that a table may start with.
    """
    is_first = True
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        text = line.replace(",", " ").strip()
        if not text or text.startswith("#"):
            continue
        if not (is_first and _names_columns(text)):
            yield number, text
        is_first = False


def header_of(path: Path) -> str:
    """Return the line that names the columns, in lower case, comment or not; "" without one."""
    for line in read_text(path).splitlines()[:3]:
        text = line.replace(",", " ").strip(" #\t").lower()
        if _names_columns(text):
            return text
    return ""


def _names_columns(text: str) -> bool:
    fields = text.split()
    return len(fields) > 1 and not any(map(_is_number, fields))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
