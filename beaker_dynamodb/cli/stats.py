"""`stats`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
from rich.progress import TextColumn, TimeRemainingColumn

from ..admin.cost import Cost, Load, monthly_cost
from ..admin.distribution import Summary
from ..admin.stats import SAMPLE, GroupStats, TableStats, table_stats
from ..options import Options, parse_options
from .charts import draw, histogram, in_bytes, in_seconds
from .choice import table_options, with_options
from .exits import help_end
from .output import as_json_option, print_json, print_table, progress_bar

#: Values of touch_interval to compare with, in seconds.
TOUCH_INTERVALS = (0.0, 30.0, 300.0)
_DEFAULT_INTERVAL = 30.0
#: The largest groups.
MOST_CHARTS = 4
#: Share of the items from which on a sample says that it lacks some.
_NOTED = 0.05
_MEDIANS = ("median size", "median idle", "median age")
#: Of a month.
_MONEY = ("reads", "changes", "touches", "storage", "total")


def _mix(context: click.Context, parameter: click.Parameter, given: str) -> float:
    try:
        reads, writes = (float(part) for part in given.split(":"))
        share = writes / (reads + writes)
    except (ValueError, ZeroDivisionError):
        share = -1.0
    if not 0 <= share <= 1:
        raise click.BadParameter("the form is READS:WRITES, such as 9:1", context, parameter)
    return share


@click.command(
    "stats",
    epilog=help_end(
        "stats --ini production.ini",
        "stats --ini production.ini --all --png sizes.png",
        "stats --ini production.ini --rate 200 --mix 9:1 --touch-interval 60",
    ),
)
@table_options
@with_options("key_prefix", "touch_interval")
@click.option("--all", "everything", is_flag=True, help="read the whole table, not a sample")
@click.option(
    "--sample", type=click.IntRange(1), default=SAMPLE, show_default=True, help="items to read"
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="REQUESTS",
    help="requests a second, to estimate the cost of a month",
)
@click.option(
    "--mix",
    "changes",
    default="9:1",
    show_default=True,
    callback=_mix,
    metavar="READS:WRITES",
    help="requests that only read a session, to those that change it",
)
@click.option(
    "--active",
    type=click.FloatRange(0),
    metavar="SESSIONS",
    help="sessions in use at once  [default: those written in the last five minutes]",
)
@click.option(
    "--png",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png",
    help="also draw the sizes into a file; needs matplotlib",
)
@as_json_option
def stats_command(
    options: dict[str, object],
    *,
    everything: bool,
    sample: int,
    rate: float | None,
    changes: float,
    active: float | None,
    png: Path | None,
    as_json: bool,
) -> None:
    """Show what a table holds: counts, sizes, age and idle time, and what it costs.

    Reads a sample of a large table: the counts of sessions are then estimates, and a cache
    namespace is counted whole or missed. --all reads everything, at half a read unit for each 4 KB.
    """
    parsed = parse_options(options)
    with progress_bar(TextColumn("{task.fields[items]} items"), TimeRemainingColumn()) as bar:
        task = bar.add_task("reading", total=None, items=0)

        def show(done: int, segments: int, items: int) -> None:
            total = segments if everything else None
            bar.update(task, completed=done, total=total, items=f"{items:,}")

        stats = table_stats(parsed, show, everything=everything, sample=sample)
    costs = [] if rate is None else _costs(stats, parsed, rate, changes, active)
    if png is not None:
        draw(_charts(stats), png)
    if as_json:
        print_json({**dataclasses.asdict(stats), "costs": [_with_total(each) for each in costs]})
    else:
        _print(stats, costs, is_whole=not parsed.key_prefix)


def _costs(
    stats: TableStats, options: Options, rate: float, changes: float, active: float | None
) -> list[Cost]:
    found = next((group for group in stats.groups if group.kind == "sessions"), None)
    counted = found.active * found.factor if found else 0.0
    load = Load(rate, changes, counted if active is None else active)
    if found:
        load = dataclasses.replace(
            load,
            read_units=found.read_units or 1.0,
            write_units=found.write_units or 1.0,
            stored=found.size * found.factor,
        )
    load = dataclasses.replace(load, is_consistent=options.consistent_read)
    chosen = _DEFAULT_INTERVAL if options.touch_interval is None else options.touch_interval
    return [monthly_cost(load, each) for each in sorted({*TOUCH_INTERVALS, chosen})]


def _with_total(cost: Cost) -> dict[str, float]:
    return {**dataclasses.asdict(cost), "total": cost.total}


def _print(stats: TableStats, costs: list[Cost], *, is_whole: bool) -> None:
    click.echo(
        f"table {stats.table} in {stats.region}: {stats.items:,} items, {in_bytes(stats.size)}, as "
        "DynamoDB has counted in the last six hours"
    )
    share = "" if stats.factor == 1 else f", a sample: 1 segment in {stats.factor:,.1f}"
    click.echo(
        f"read {stats.scanned:,} items{share}; {stats.read_units:,.1f} read units, "
        f"{stats.seconds:.1f} s"
    )
    print_table(
        (*("kind", "namespace", "live", "expired", "bytes"), *_MEDIANS),
        map(_line, stats.groups),
    )
    if stats.factor != 1:
        _print_limits(stats, is_whole=is_whole)
    for title, sizes in _charts(stats).items():
        click.echo(f"sizes of {title}")
        for line in histogram(sizes):
            click.echo(line)
    if costs:
        print_table(
            ("touch_interval", "touches/s", *(f"{each} $" for each in _MONEY)),
            (_cost_line(cost) for cost in costs),
        )
        click.echo("on-demand prices of us-east-1, without ends, markers, indexes and free tier")


def _print_limits(stats: TableStats, *, is_whole: bool) -> None:
    """What a sample of the table does not show."""
    click.echo(
        "sample: sessions are estimates; a cache namespace is counted whole or missed (--all reads "
        "everything)"
    )
    missing = stats.items - stats.estimate
    if is_whole and missing > _NOTED * stats.items:
        click.echo(
            f"DynamoDB has counted some {missing:,.0f} items more: cache namespaces that the "
            "sample missed, or items deleted since"
        )


def _charts(stats: TableStats) -> dict[str, Summary]:
    """The sizes of the largest groups, by their titles."""
    groups = [group for group in stats.groups if group.kind in {"sessions", "cache values"}]
    titled = {f"{group.kind} {group.namespace}".rstrip(): group.sizes for group in groups}
    found = {title: sizes for title, sizes in titled.items() if sizes is not None}
    return dict(list(found.items())[:MOST_CHARTS])


def _line(group: GroupStats) -> tuple[str, ...]:
    factor = group.factor
    return (
        group.kind,
        group.namespace,
        f"{group.live * factor:,.0f}",
        f"{group.expired * factor:,.0f}",
        in_bytes(group.size * factor),
        in_bytes(group.sizes.median) if group.sizes else "",
        in_seconds(group.idle.median) if group.idle else "",
        in_seconds(group.age.median) if group.age else "",
    )


def _cost_line(cost: Cost) -> tuple[str, ...]:
    money = (cost.reads, cost.changes, cost.touching, cost.storage, cost.total)
    figures = (f"{each:,.2f}" for each in (cost.touches, *money))
    return (f"{cost.touch_interval:g} s", *figures)
