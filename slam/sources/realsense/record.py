"""Recording a camera: by the SDK into its own format, or into a plain folder."""

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from slam.config import RealSenseConfig
from slam.errors import SlamError
from slam.frame import Frame
from slam.sources.base import Outage
from slam.sources.folder_writer import FolderWriter
from slam.sources.realsense.feed import Feed
from slam.sources.realsense.sdk import realsense_sdk
from slam.sources.realsense.stream import FIRST_FRAME_S, RealSenseStream
from slam.workers import ReadAhead, StopEvent, Worker

logger = logging.getLogger(__name__)
SUFFIXES = (".db3", ".bag")
FIRST_DB3 = (2, 58)  # the SDK's version that writes it, and nothing else
MIN_FREE_MB = 200.0  # left on the disk: the SDK says nothing when it is full
CAPTURE_FRAMES = 4
WRITE_FRAMES = 60  # that may wait for the disk; beyond, a frame is dropped


@dataclass
class Recorded:
    """What was recorded so far."""

    frames: int = 0
    dropped: int = 0
    outages: int = 0


def check_target(path: Path) -> None:
    """Raise `SlamError` for a file that exists, or that this SDK does not write."""
    if path.suffix not in SUFFIXES:
        return
    said = getattr(realsense_sdk(), "__version__", "2.56")  # old ones do not say it
    version = tuple(int(part) for part in said.split(".")[:2])
    suffix = ".db3" if version >= FIRST_DB3 else ".bag"
    if path.suffix != suffix:
        raise SlamError(
            f"this version of the SDK records {suffix}: give {path.with_suffix(suffix)}"
        )
    if path.exists():
        raise SlamError(f"{path} exists: give a new file to record to")
    if not path.parent.is_dir():
        raise SlamError(f"there is no folder {path.parent} to record to")


def record(
    connect: Callable[[], Feed],
    config: RealSenseConfig,
    path: Path,
    limit: int,
    on_frame: Callable[[Recorded], None],
) -> Recorded:
    """Record `limit` frames, 0 = until KeyboardInterrupt, or until the camera is gone for good.

    To a file, the feed records by itself; its frames are only counted here. `SlamError` where the
    disk is full; what was recorded until then can be used.
    """
    check_target(path)
    recorded = Recorded()
    to_file = path.suffix in SUFFIXES
    if to_file:  # what the SDK has closed it cannot go on with
        config = replace(config, reconnect_s=max(FIRST_FRAME_S, config.timeout_s))
        connect = _once(connect)
    stream = RealSenseStream(connect, config)
    writer, worker = None, None
    if not to_file:
        writer = FolderWriter(path, stream, round(1.0 / stream.depth_unit_m, 6))
        worker = Worker(writer.write, name="writer")
    reader = ReadAhead(stream.frames(), CAPTURE_FRAMES, StopEvent(), keeps_newest=True)
    try:
        for frame in _frames(reader, recorded):
            _require_space(path, recorded)
            if worker is not None and worker.num_pending >= WRITE_FRAMES:
                recorded.dropped += 1
                continue
            if worker is not None:
                worker.submit(frame)
            recorded.frames += 1
            on_frame(recorded)
            if recorded.frames == limit:
                break
    except KeyboardInterrupt:
        logger.info("interrupted")
    finally:
        reader.close()
        if worker is not None and writer is not None:
            worker.close()
            writer.close()
    if worker is not None:
        worker.wait(0)  # raise what it raised
    return recorded


def _frames(items: Iterable[Frame | Outage], recorded: Recorded) -> Iterator[Frame]:
    """Yield the frames; count outages, and the frames that are missing by their indices."""
    last_index, is_out = -1, False
    for item in items:
        if isinstance(item, Outage):
            recorded.outages += not is_out
            is_out = True
            continue
        recorded.dropped += item.index - last_index - 1
        last_index, is_out = item.index, False
        yield item


def _require_space(path: Path, recorded: Recorded) -> None:
    folder = path if path.is_dir() else path.resolve().parent
    free_mb = shutil.disk_usage(folder).free / 1e6
    if free_mb < MIN_FREE_MB:
        raise SlamError(
            f"{free_mb:.0f} MB are left on the disk of {path}: the recording ends after "
            f"{recorded.frames} frames, which can be used"
        )


def _once(connect: Callable[[], Feed]) -> Callable[[], Feed]:
    """Connect the first time only."""
    attempts = iter((connect,))

    def connect_once() -> Feed:
        for attempt in attempts:
            return attempt()
        raise SlamError("a recording to a file ends with the connection")

    return connect_once
