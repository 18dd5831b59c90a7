"""Download of the public IMHI release at one commit, every file verified by its git blob id.

By urllib3: it retries with back-off, heeds Retry-After and streams. A transfer that is cut goes on
where it stopped (HTTP Range); a file appears under its name only when its bytes are right.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from mentallama.errors import InputError, nearest
from mentallama.io import git_blob_id, make_folder
from mentallama.progress import track

COMMIT = "42cd29dfb91092843daae53ec162c75605d753ff"
HOME = f"https://raw.githubusercontent.com/SteveKGYang/MentalLLaMA/{COMMIT}"
ATTEMPTS = 5
_CHUNK = 1 << 13
_AGAIN = (429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """What a download did."""

    files: int
    fetched: int
    kept: int
    """Files that were there already with the right bytes."""
    bytes: int
    """Bytes received."""


def release_blobs() -> dict[str, str]:
    """Return the git blob id of every CSV file of the release, by path."""
    text = (files("mentallama.data") / "imhi_blobs.tsv").read_text(encoding="utf-8")
    pairs = (line.split("\t") for line in text.splitlines() if line)
    return {path: blob for blob, path in pairs}


def fetch_imhi(
    out: Path,
    *,
    mirror: str | None = None,
    only: Sequence[str] = (),
    blobs: Mapping[str, str] | None = None,
    wait: float = 0.5,
) -> FetchReport:
    """Download the release below ``out``; what is there and right is not asked for again.

    ``mirror`` replaces the address, ``only`` chooses paths that hold one of its texts, ``wait`` is
    the first pause in seconds before another attempt (it doubles). Raises InputError naming the
    file where it cannot be had; files that are right stay, and the same call goes on.
    """
    chosen = _choose(release_blobs() if blobs is None else blobs, only)
    base = (mirror or HOME).rstrip("/")
    if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).hostname:
        raise InputError(
            f"--mirror {base}: expected an address that begins with http:// or https://"
        )
    missing = {
        path: blob
        for path, blob in chosen.items()
        if not (out / path).is_file() or git_blob_id(out / path) != blob
    }
    received = 0
    with _pool(wait) as pool:
        steps = track(
            missing.items(), total=len(chosen), done=len(chosen) - len(missing), label="fetch"
        )
        for path, blob in steps:
            received += _fetch(pool, f"{base}/{quote(path)}", out / path, blob, wait)
    return FetchReport(
        files=len(chosen),
        fetched=len(missing),
        kept=len(chosen) - len(missing),
        bytes=received,
    )


def _choose(blobs: Mapping[str, str], only: Sequence[str]) -> dict[str, str]:
    for part in only:
        if not any(part in path for path in blobs):
            names = {name for path in blobs for name in Path(path).with_suffix("").parts}
            raise InputError(f"no file of the release holds '{part}'.{nearest(part, names)}")
    return {
        path: blob for path, blob in blobs.items() if not only or any(part in path for part in only)
    }


def _pool(wait: float) -> Any:
    import urllib3

    retries = urllib3.Retry(
        total=ATTEMPTS,
        status_forcelist=_AGAIN,
        backoff_factor=wait,
        respect_retry_after_header=True,
        raise_on_status=False,
    )
    return urllib3.PoolManager(retries=retries, timeout=urllib3.Timeout(connect=20, read=60))


def _fetch(pool: Any, url: str, path: Path, blob: str, wait: float) -> int:
    """Download one file; return the bytes received."""
    make_folder(path.parent)
    partial = path.with_name(path.name + ".part")
    received = 0
    for fresh in (False, True):
        received += _complete(pool, url, partial, wait)
        if git_blob_id(partial) == blob:
            partial.replace(path)
            return received
        # What was left of an older attempt may be to blame: once more, from the start.
        partial.unlink()
        if fresh:
            break
    raise InputError(
        f"{url}: the bytes are not those of the release (git blob id differs); nothing was kept, "
        "try another --mirror"
    )


def _complete(pool: Any, url: str, partial: Path, wait: float) -> int:
    """Receive until the file ends, going on after each cut; return the bytes received."""
    import urllib3

    received = 0
    for attempt in range(ATTEMPTS):
        before = partial.stat().st_size if partial.exists() else 0
        try:
            _receive(pool, url, partial, before)
            return received + partial.stat().st_size - before
        except (urllib3.exceptions.ProtocolError, urllib3.exceptions.ReadTimeoutError):
            if partial.exists():
                received += max(partial.stat().st_size - before, 0)
            time.sleep(wait * 2**attempt)
        except urllib3.exceptions.HTTPError as error:
            raise InputError(
                f"{url}: cannot be reached ({type(error).__name__}); check the network, or name "
                "another --mirror"
            ) from None
    raise InputError(f"{url}: the connection was cut {ATTEMPTS} times; the same command goes on")


def _receive(pool: Any, url: str, partial: Path, start: int) -> None:
    """Append what is missing to the partial file."""
    headers = {"Range": f"bytes={start}-"} if start else {}
    answer = pool.request("GET", url, headers=headers, preload_content=False)
    try:
        if answer.status == 416:
            # Nothing is left to send: the file is complete, its blob id decides.
            return
        if answer.status not in (200, 206):
            raise InputError(
                f"{url}: answered HTTP {answer.status}; check the address, or name another --mirror"
            )
        with partial.open("ab" if answer.status == 206 else "wb") as handle:
            for chunk in answer.stream(_CHUNK):
                handle.write(chunk)
    finally:
        answer.release_conn()
