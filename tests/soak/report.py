"""The report of a soak, in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .model import ANSWERED, LOST, REFUSED
from .servers import THREADS, WORKERS
from .soak import ONE_IN, USERS, Result, outcomes_by_fault

OUTCOMES = (ANSWERED, REFUSED, LOST)
MEANINGS = {
    "server_error": "500, nothing done",
    "throttled": "throttled, nothing done",
    "reset": "connection reset, nothing done",
    "hang": "no answer at all",
    "late": "no answer, and done up to 2 s after the client gave up",
    "slow": "answer late by 0.1 s",
    "answer_lost": "done, and the answer lost",
    "answer_truncated": "done, and the answer cut off",
    "answer_altered": "done, and a byte of the answer changed",
}


def report(result: Result) -> str:
    """The observations of a soak."""
    return "\n".join([*_summary(result), "", *_faults(result), "", *_workers(result)])


def _summary(result: Result) -> Iterator[str]:
    pages = result.record.pages
    outcomes = Counter(page.outcome for page in pages)
    times = sorted(page.ended - page.began for page in pages)
    yield f"{result.seconds:.0f} s, {USERS} users with two windows each, gunicorn with {WORKERS}"
    yield f"workers of {THREADS} threads; of the calls to DynamoDB one in {ONE_IN} met a fault."
    yield ""
    yield "| what | figure |"
    yield "| --- | --- |"
    yield f"| requests | {len(pages):,} |"
    for outcome in OUTCOMES:
        yield f"| ... {outcome} | {outcomes[outcome]:,} |"
    for what, count in sorted(result.record.counts.items()):
        yield f"| {what} | {count:,} |"
    yield f"| faults injected | {len(result.injected):,} |"
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        yield f"| {name} of all requests | {1000 * times[int(share * len(times))]:.0f} ms |"
    yield f"| slowest request | {times[-1]:.1f} s |"
    yield f"| sessions live at the end / their rows | {result.live} / {result.rows} |"
    yield f"| markers of sessions that ended or got a new id | {result.markers} |"
    yield f"| wrong | {len(result.record.wrong)} |"


def _faults(result: Result) -> Iterator[str]:
    yield f"| fault | injected | {' | '.join(OUTCOMES)} |"
    yield "| --- | --- | --- | --- | --- |"
    for fault, outcomes in outcomes_by_fault(result).items():
        counts = " | ".join(f"{outcomes[outcome]:,}" for outcome in OUTCOMES)
        yield f"| {MEANINGS[fault]} | {outcomes.total():,} | {counts} |"


def _workers(result: Result) -> Iterator[str]:
    yield "| at | " + " | ".join(f"worker {number}" for number in range(1, WORKERS + 1)) + " |"
    yield "| --- |" + " --- |" * WORKERS
    for step, workers in enumerate(result.vitals, 1):
        cells = [
            f"{worker.process}: {worker.memory:,} KiB, {worker.threads} threads, "
            f"{worker.sockets} sockets"
            for worker in workers
        ]
        yield f"| {step * result.seconds / 6:.0f} s | {' | '.join(cells)} |"
