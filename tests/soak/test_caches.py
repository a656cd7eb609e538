"""A short run of the caches' soak."""

import pytest

from tests.support.effort import IS_EXHAUSTIVE

from .caches import Audit, run


@pytest.mark.exhaustive
@pytest.mark.skipif(not IS_EXHAUSTIVE, reason="takes a minute")
def test_nothing_is_wrong() -> None:
    workers, _ = run(40, seed=1)
    audit = Audit(workers)
    assert list(audit.wrong()) == []
    assert audit.counts()["served"] > 100
