"""`plan`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import click

from ..admin.capacity import NEW_TABLE, TableState, Units
from ..admin.plan import HOUR, CachePlan, CapacityPlan, Ramp, capacity_for, capacity_plan
from ..admin.traffic import CacheTraffic, Traffic
from ..options import OPTIONS
from .charts import in_bytes, in_seconds
from .exits import help_end
from .output import as_json_option, print_json, print_table

_CACHE_TYPES: dict[str, type] = {
    "hits": float,
    "creations": float,
    "size": int,
    "shards": int,
    "keys": int,
}
_CACHE_FORM = "the form is NAME,hits=2500,creations=10,size=10000,shards=4,keys=10000"
_CACHE_COLUMNS = ("cache", "shards", "load of a shard", "shards needed")
_MOMENT_COLUMNS = ("after", "wanted units/s", "served units/s", "throttled", "partitions")
#: Lines of the simulation that are shown.
MOST_MOMENTS = 12


def _caches(
    context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> tuple[CacheTraffic, ...]:
    try:
        return tuple(map(_cache, given))
    except (KeyError, ValueError) as error:
        raise click.BadParameter(_CACHE_FORM, context, parameter) from error


def _cache(text: str) -> CacheTraffic:
    name, *settings = text.split(",")
    pairs = [setting.split("=", maxsplit=1) for setting in settings]
    return CacheTraffic(name, **{key: _CACHE_TYPES[key](value) for key, value in pairs})


def _units(context: click.Context, parameter: click.Parameter, given: str | None) -> Units | None:
    if given is None:
        return None
    try:
        reads, writes = (float(part) for part in given.split(":"))
    except ValueError:
        reads = writes = 0.0
    if not (0 < reads < math.inf and 0 < writes < math.inf):
        raise click.BadParameter("the form is READS:WRITES, such as 12000:4000", context, parameter)
    return Units(reads, writes)


class _FiniteNumber(click.FloatRange):
    """A number, at least 0; a plain range accepts `inf` and `nan`, too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


_ANY = _FiniteNumber(0)
_NUMBER = click.IntRange(0)
_TRAFFIC_OPTIONS = (
    click.option(
        "--rate",
        "requests",
        type=_ANY,
        required=True,
        metavar="REQUESTS",
        help="requests a second at the busiest time",
    ),
    click.option(
        "--changes",
        type=click.FloatRange(0, 1),
        default=0.1,
        show_default=True,
        metavar="SHARE",
        help="share of the requests that change the session, logins and logouts included",
    ),
    click.option(
        "--active",
        type=_ANY,
        metavar="SESSIONS",
        help="sessions in use at the same time  [default: 10 for each request a second]",
    ),
    click.option(
        "--sessions",
        type=_ANY,
        help="sessions that are stored  [default: those in use]",
        metavar="SESSIONS",
    ),
    click.option(
        "--size",
        type=_NUMBER,
        default=2400,
        show_default=True,
        metavar="BYTES",
        help="of a session before compression",
    ),
    click.option(
        "--compression",
        type=click.Choice(["none", "zlib", "dictionary"]),
        default="zlib",
        show_default=True,
        help="of sessions; dictionary is zstd with a trained one",
    ),
    click.option(
        "--stored",
        type=_NUMBER,
        metavar="BYTES",
        help="of a session's data as it is stored, as `train --dry-run` measures it; otherwise it "
        "is estimated from --size",
    ),
    click.option(
        "--touch-interval",
        type=_ANY,
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="as the option of the sessions",
    ),
    click.option(
        "--eventual", is_flag=True, help="reads are eventually consistent: consistent_read = false"
    ),
    click.option(
        "--cache",
        "caches",
        multiple=True,
        callback=_caches,
        metavar="NAME,hits=N,...",
        help="a cache namespace in the same table: hits and creations a second, the size of a "
        "value in bytes, its shards, and how many keys share the uses; may be given again",
    ),
    click.option(
        "--regions",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="of a global table",
    ),
)


def _traffic_options(function: Any) -> Any:
    for option in reversed(_TRAFFIC_OPTIONS):
        function = option(function)
    return function


@click.command(
    "plan",
    epilog=help_end(
        "plan --rate 500",
        "plan --rate 20000 --active 100000 --compression dictionary --eventual",
        "plan --rate 2000 --cache prices,hits=2500,creations=10,size=10000,shards=4",
        "plan --rate 1000000 --warm 1000000:200000 --regions 3",
    ),
)
@_traffic_options
@click.option(
    "--billing",
    type=click.Choice(["on-demand", "provisioned"]),
    default="on-demand",
    show_default=True,
    help="of the table that is simulated",
)
@click.option(
    "--warm",
    callback=_units,
    metavar="READS:WRITES",
    help="warm throughput of an on-demand table, as DescribeTable reports it  [default: that of "
    "a new one, 12000:4000]",
)
@click.option(
    "--provisioned",
    callback=_units,
    metavar="READS:WRITES",
    help="units of a provisioned table  [default: so many that 70% are used]",
)
@click.option(
    "--ramp",
    type=_ANY,
    default=0.0,
    show_default=True,
    metavar="MINUTES",
    help="in which the traffic grows from nothing; 0 = it is there at once",
)
@click.option(
    "--hours",
    type=click.FloatRange(0.1, 24),
    default=5.0,
    show_default=True,
    help="to simulate",
)
@as_json_option
def plan_command(
    *,
    billing: str,
    warm: Units | None,
    provisioned: Units | None,
    ramp: float,
    hours: float,
    as_json: bool,
    **given: Any,
) -> None:
    """Plan for traffic: cost, partitions, and what DynamoDB throttles.

    Calls nothing: it calculates and simulates with DynamoDB's documented limits, and on-demand and
    provisioned prices of us-east-1. docs/scale.md says what it assumes.
    """
    if provisioned and billing != "provisioned":
        raise click.UsageError("--provisioned needs --billing provisioned")
    if warm and billing == "provisioned":
        raise click.UsageError("--warm is for on-demand tables: leave it out, or --billing")
    traffic = _traffic(**given)
    table = TableState(warm=warm or NEW_TABLE)
    if billing == "provisioned":
        table = TableState(provisioned or capacity_for(traffic))
    plan = capacity_plan(traffic, table, seconds=round(hours * HOUR), ramp=ramp * 60)
    if as_json:
        print_json(_plain(plan))
    else:
        _print(plan, table, traffic)


def _traffic(
    *, active: float | None, sessions: float | None, eventual: bool, **given: Any
) -> Traffic:
    in_use = 10 * given["requests"] if active is None else active
    stored = in_use if sessions is None else sessions
    return Traffic(active=in_use, sessions=stored, is_consistent=not eventual, **given)


def _plain(value: Any) -> Any:
    """Data for JSON: an object for each dataclass and each named tuple."""
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if hasattr(value, "_asdict"):
        return {name: _plain(each) for name, each in value._asdict().items()}
    return list(map(_plain, value)) if isinstance(value, tuple) else value


def _print(plan: CapacityPlan, table: TableState, traffic: Traffic) -> None:
    print_table(
        ("a second", "calls", "read units", "write units"),
        [
            *((use.name, _figure(use.calls), *map(_figure, use.units)) for use in plan.uses),
            ("all", _figure(sum(use.calls for use in plan.uses)), *map(_figure, plan.units)),
        ],
    )
    bills = (("on demand", plan.on_demand), ("provisioned", plan.provisioned))
    print_table(
        ("USD a month", "reads", "writes", "storage", "total"),
        [(name, *map(_money, dataclasses.astuple(bill))) for name, bill in bills],
    )
    if plan.caches:
        print_table(_CACHE_COLUMNS, map(_cache_line, plan.caches))
    for line in _summary(plan, table, traffic):
        click.echo(line)
    if plan.ramp.full != 0:
        print_table(_MOMENT_COLUMNS, _moments(plan.ramp))
    for line in _advice(plan, table):
        click.echo(line)


def _summary(plan: CapacityPlan, table: TableState, traffic: Traffic) -> Iterator[str]:
    reads, writes = map(_figure, plan.capacity)
    yield f"provisioned: {reads} read and {writes} write units, of which 70% are used"
    regions = "" if traffic.regions == 1 else f" in each of {traffic.regions} regions"
    many = "partition" if plan.partitions == 1 else "partitions"
    yield (
        f"{in_bytes(plan.size)} stored; {plan.partitions:,} {many}{regions}, the busiest at "
        f"{plan.busiest:.0%} of its limits"
    )
    limit = table.provisioned or table.warm
    kind = "a provisioned" if table.provisioned else "an on-demand"
    yield (
        f"simulated: {in_seconds(plan.ramp.seconds)} of {kind} table that begins with "
        f"{limit.read:,.0f} read and {limit.write:,.0f} write units a second:"
    )


def _cache_line(cache: CachePlan) -> tuple[str, ...]:
    needed = "more than keys" if cache.shards_needed is None else f"{cache.shards_needed:,}"
    return cache.name, f"{cache.shards:,}", f"{cache.load:.0%}", needed


def _moments(ramp: Ramp) -> Iterator[tuple[str, ...]]:
    step = math.ceil(len(ramp.moments) / MOST_MOMENTS)
    for moment in ramp.moments[::step]:
        yield (
            in_seconds(moment.second),
            _figure(sum(moment.wanted)),
            _figure(sum(moment.served)),
            f"{moment.throttled:.1%}",
            f"{moment.partitions:,}",
        )


def _advice(plan: CapacityPlan, table: TableState) -> Iterator[str]:
    if plan.ramp.full:
        yield f"throttled: {plan.ramp.throttled:.1%}, nothing after {in_seconds(plan.ramp.full)}"
    elif plan.ramp.full is None:
        yield f"throttled: {plan.ramp.throttled:.1%}, {plan.ramp.end:.1%} still at the end"
    else:
        yield "throttled: nothing"
    is_cold = any(map(_is_less, table.warm, plan.units)) and not table.provisioned
    if plan.ramp.full != 0 and is_cold:
        yield f"set the warm throughput before the traffic comes: {_warm_command(plan)}"
    for cache in plan.caches:
        yield from _advice_for(cache)
    if plan.is_over_quota:
        yield "ask AWS for a higher quota: a table has 40,000 read and 40,000 write units a second"


def _is_less(units: float, wanted: float) -> bool:
    return units < wanted


def _advice_for(cache: CachePlan) -> Iterator[str]:
    if cache.shards_needed is None:
        yield f"cache {cache.name}: too few keys for shards; keep its values in the process as well"
    elif cache.shards_needed > cache.shards:
        yield f"cache {cache.name}: set shards = {cache.shards_needed}"


def _warm_command(plan: CapacityPlan) -> str:
    reads, writes = (math.ceil(each) for each in plan.units.highest(NEW_TABLE))
    units = f"ReadUnitsPerSecond={reads},WriteUnitsPerSecond={writes}"
    name = OPTIONS["table_name"].default.strip("`")
    return f"aws dynamodb update-table --table-name {name} --warm-throughput {units}"


def _figure(value: float) -> str:
    return f"{value:,.0f}"


def _money(dollars: float) -> str:
    return f"{dollars:,.2f}"
