"""The shop in AWS Lambda: events of API Gateway in both formats."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beaker_dynamodb import StoreUnavailable
from tests.examples.conftest import Copy
from tests.support.wire import Wire


@pytest.fixture
def invoke(environment: None, copy: Copy, importable: Callable[[Path], None]) -> Any:
    """The module that sends the handler its events."""
    importable(copy("lambda"))
    return importlib.import_module("invoke")


@pytest.fixture(params=["RestApi", "HttpApi"])
def api(request: pytest.FixtureRequest, invoke: Any) -> Any:
    return getattr(invoke, request.param)()


def page(invoke: Any, api: Any) -> str:
    [first, *_] = re.findall(r"<p>(.*)</p>", invoke.visit(api, "GET", "/")["body"])
    return str(first)


def test_a_visitor_logs_in_fills_a_basket_and_logs_out(invoke: Any, api: Any) -> None:
    response = invoke.visit(api, "POST", "/login", name="ada")
    assert response["statusCode"] == 303
    invoke.visit(api, "POST", "/put", article="apple")
    assert page(invoke, api) == "ada, your basket: 1 apple, 1.20 in all"
    invoke.visit(api, "POST", "/logout-everywhere")
    assert page(invoke, api) == "stranger, your basket: empty"
    assert invoke.visit(api, "GET", "/favicon.ico")["statusCode"] == 404


def test_the_cookie_is_protected(invoke: Any, api: Any) -> None:
    [cookie] = api.cookies_of(invoke.visit(api, "POST", "/login", name="ada"))
    parts = {part.strip() for part in cookie.lower().split(";")}
    assert {"secure", "httponly", "samesite=lax"} <= parts


def test_an_outage_is_an_error_and_keeps_the_session(invoke: Any, api: Any, wire: Wire) -> None:
    invoke.visit(api, "POST", "/login", name="ada")
    for _ in range(2):  # its settings retry once
        wire.fail_next("GetItem", (500, "InternalServerError"))
    with pytest.raises(StoreUnavailable):
        invoke.visit(api, "GET", "/")
    assert page(invoke, api).startswith("ada,")
