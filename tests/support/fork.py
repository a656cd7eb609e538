"""A child of this process, as a server forks its workers."""

import os
from collections.abc import Callable


def in_a_forked_worker(call: Callable[[], object]) -> str:
    """The repr of a call's result in a child of this process."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(write_end, repr(call()).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        return answer.read()
