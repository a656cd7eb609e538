"""`demo`."""

from __future__ import annotations

from collections.abc import Callable

import click

from .exits import Failure, help_end


@click.command("demo", epilog=help_end("demo", "demo --port 8081"))
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--endpoint-url",
    metavar="URL",
    help="DynamoDB or its stand-in, such as http://127.0.0.1:8000, instead of moto",
)
def demo_command(host: str, port: int, endpoint_url: str | None) -> None:
    """Serve a page that shows how a session works.

    Shows what is stored, and the calls to DynamoDB of each request. Needs no AWS account and no
    network: moto stands in for DynamoDB in this process, and forgets everything when it ends.
    """
    _serve_demo()(host, port, endpoint_url)


def _serve_demo() -> Callable[[str, int, str | None], None]:
    try:
        # Imported here: its libraries come with an extra, and no other command needs them.
        from ..demo.server import serve  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if f"{error.name}".startswith("beaker_dynamodb"):
            raise
        raise Failure(
            f"the demo needs {error.name}: pip install 'beaker-dynamodb[demo]'"
        ) from error
    return serve
