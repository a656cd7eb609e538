"""The demo: an engine, a table in it, and a server for the page."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import botocore.session
import click

from .. import store
from ..model import session_model
from ..store.faults import translated
from .page import TABLE, Engine, demo_application

HOST = "127.0.0.1"
PORT = 8080
REGION = "us-east-1"
THREADS = 4
#: For an engine that asks for credentials and looks at none, as DynamoDB Local does.
DUMMY_CREDENTIALS = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo"}


def serve(host: str, port: int, endpoint_url: str | None) -> None:
    """Serve the demo until Ctrl-C.

    Raises:
        ClickException: a library is missing, or the address cannot be listened at.
        BeakerDynamoDBError: the engine that was named does not answer, or refuses.
    """
    waitress = _needed("waitress")
    # More requests than threads are no news in a demo.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with _elsewhere(endpoint_url) if endpoint_url else embedded_engine() as engine:
        store.create(session_model(table_name=TABLE, **engine.options))
        server = _listening(waitress, demo_application(engine), host, port)
        click.echo(f"The demo is at {_address(server)} (Ctrl-C ends it)")
        click.echo(f"Its engine is {engine.name}")
        server.run()
    click.echo("The demo has ended")


@contextmanager
def embedded_engine() -> Iterator[Engine]:
    """An engine inside this process, which needs and knows nothing of this machine's settings."""
    moto = _needed("moto")
    with _without_aws_settings(), moto.mock_aws():
        yield Engine("moto, inside this process", {"region": REGION}, charges=False)


@contextmanager
def _elsewhere(endpoint_url: str) -> Iterator[Engine]:
    options = {"endpoint_url": endpoint_url}
    chain = botocore.session.Session()
    with translated(session_model(**options)):
        if chain.get_config_variable("region") is None:
            options["region"] = REGION
        if chain.get_credentials() is None:
            options.update(DUMMY_CREDENTIALS)
    yield Engine(endpoint_url, options, charges=True)


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


def _needed(library: str) -> Any:
    try:
        return import_module(library)
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the demo needs {error.name}: pip install 'beaker-dynamodb[demo]'"
        ) from error


def _listening(waitress: Any, application: Any, host: str, port: int) -> Any:
    try:
        return waitress.create_server(application, host=host, port=port, threads=THREADS)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise click.ClickException(
            f"cannot listen at {host}, port {port} ({reason}): give another --host or --port"
        ) from error


def _address(server: Any) -> str:
    listening = getattr(server, "effective_listen", None)
    host, port = listening[0] if listening else (server.effective_host, server.effective_port)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
