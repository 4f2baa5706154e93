"""Directories for servers."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def directory() -> Iterator[Path]:
    """One that the servers' unprivileged account can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="service6-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)
