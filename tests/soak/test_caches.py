"""A short run of the caches' soak."""

import pytest

from .caches import Audit, run


@pytest.mark.exhaustive
def test_nothing_is_wrong() -> None:
    workers, _ = run(40, seed=1)
    audit = Audit(workers)
    assert list(audit.wrong()) == []
    assert audit.counts()["served"] > 100
