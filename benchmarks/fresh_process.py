"""The CPU time of programs in processes of their own, with their bytecode cached as after `pip`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Without the process's exit, which frees what a server keeps.
REPORT = "\nimport time; print(time.process_time())"


@contextmanager
def fresh_processes() -> Iterator[Callable[..., float]]:
    """What runs a program in a new process, and returns its CPU seconds up to its end.

    A checkout has no bytecode if PYTHONDONTWRITEBYTECODE is set, unlike an installed package:
    each process would compile it. All processes share a cache of it; the first run fills it.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def run(program: str, *arguments: str) -> float:
            words = [sys.executable, "-c", program + REPORT, *arguments]
            done = subprocess.run(
                words, env=environment, check=True, stdout=subprocess.PIPE, text=True
            )
            return float(done.stdout)

        yield run
