"""`doctor`."""

from __future__ import annotations

import click

from ..admin.check import Finding
from ..admin.doctor import examine
from .choice import settings_of_beaker, table_options
from .exits import Exit, help_end
from .output import as_json_option, print_json, print_table

_MARKS = {"ok": "ok", "warning": "WARNING", "error": "ERROR"}


@click.command(
    "doctor",
    epilog=help_end(
        "doctor --ini production.ini",
        "doctor --url dynamodb://eu-west-1/beaker --json",
    ),
)
@table_options
@as_json_option
def doctor_command(options: dict[str, object], *, as_json: bool) -> None:
    """Examine a table, and all that leads to it.

    Looks at credentials, network, keys, TTL, clock and cipher, tries each permission by a call
    without an effect, and reports the time of a read, billing and throttling. Each finding comes
    with the command, the setting or the IAM statement that mends it. The exit code is 1 if an error
    is found, and 3 for warnings alone.
    """
    findings = examine(**{**settings_of_beaker(), **options})
    if as_json:
        print_json(findings)
    else:
        _print(findings)
    levels = {finding.level for finding in findings}
    if "error" in levels:
        raise click.exceptions.Exit(Exit.FAILED)
    if "warning" in levels:
        raise click.exceptions.Exit(Exit.UNFINISHED)


def _print(findings: list[Finding]) -> None:
    rows = [(_MARKS[finding.level], finding.name, finding.message) for finding in findings]
    print_table(("", "looked at", "found"), rows)
    remedies = [finding for finding in findings if finding.remedy is not None]
    for finding in remedies:
        # Not in the table, whose lines break: a remedy is pasted.
        click.echo(f"{finding.name}, to mend it:")
        for line in str(finding.remedy).splitlines():
            click.echo(f"  {line}")
    if not remedies:
        click.echo("all is well")
