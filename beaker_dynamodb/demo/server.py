"""The server of the demo: DynamoDB or its stand-in, the table, and the site on a port."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import moto
import waitress

from .site import demo_application
from .table import REGION, DemoTable, Endpoint, endpoint_at

#: A slow request of the page keeps one while it waits.
THREADS = 8


def serve(host: str, port: int, endpoint_url: str | None) -> None:
    """Serve the demo until Ctrl-C.

    Args:
        host: the address to listen at.
        port: the port to listen at; 0 takes a free one.
        endpoint_url: DynamoDB or its stand-in; None starts moto in this process.

    Raises:
        ClickException: the server cannot listen at this address.
        BeakerDynamoDBError: the endpoint does not answer, or refuses the calls.
    """
    # More requests than threads are no news in a demo.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    if endpoint_url:
        _run(endpoint_at(endpoint_url), host, port)
    else:
        with moto_in_process() as endpoint:
            _run(endpoint, host, port)
    click.echo("The demo has ended")


@contextmanager
def moto_in_process() -> Iterator[Endpoint]:
    """Run moto in this process, without the AWS settings of this machine."""
    with _without_aws_settings(), moto.mock_aws():
        yield Endpoint("moto in this process", {"region": REGION}, reports_units=False)


def _run(endpoint: Endpoint, host: str, port: int) -> None:
    DemoTable(endpoint).create()
    server = _listening(demo_application(endpoint), host, port)
    click.echo(f"The demo is at {address(server)} (Ctrl-C ends it)")
    click.echo(f"DynamoDB: {endpoint.name}")
    server.run()


@contextmanager
def _without_aws_settings() -> Iterator[None]:
    settings = dict(os.environ)
    for name in settings:
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(settings)


def _listening(application: Any, host: str, port: int) -> Any:
    try:
        return waitress.create_server(application, host=host, port=port, threads=THREADS)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise click.ClickException(
            f"cannot listen at {host}, port {port} ({reason}): give another --host or --port"
        ) from error


def address(server: Any) -> str:
    """The address of a waitress server, as a URL."""
    listening = getattr(server, "effective_listen", None)
    host, port = listening[0] if listening else (server.effective_host, server.effective_port)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
