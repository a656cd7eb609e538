"""Send the handler the events of a visitor, as API Gateway does: python invoke.py

event_v1.json is an event of a REST API, event_v2.json one of an HTTP API. Each visit fills in its
own path, form and cookie.
"""

import base64
import json
import re
import sys
from pathlib import Path
from urllib.parse import urlencode

from lambda_shop import handler

HERE = Path(__file__).parent


class RestApi:
    """Payload format 1.0."""

    def __init__(self):
        self.cookie = ""

    def event(self, method, path, form):
        event = json.loads((HERE / "event_v1.json").read_text())
        event |= {"httpMethod": method, "path": path, "body": urlencode(form) or None}
        event["headers"]["Cookie"] = self.cookie
        event["multiValueHeaders"]["Cookie"] = [self.cookie]
        return event

    def cookies_of(self, response):
        headers = response["multiValueHeaders"].items()
        return [
            cookie for name, found in headers if name.lower() == "set-cookie" for cookie in found
        ]


class HttpApi:
    """Payload format 2.0: cookies have a place of their own, and a form is sent in base64."""

    def __init__(self):
        self.cookie = ""

    def event(self, method, path, form):
        event = json.loads((HERE / "event_v2.json").read_text())
        body = base64.b64encode(urlencode(form).encode()).decode()
        event |= {"rawPath": path, "body": body, "cookies": [self.cookie]}
        event["requestContext"]["http"] |= {"method": method, "path": path}
        return event

    def cookies_of(self, response):
        return response["cookies"]


def visit(api, method, path, **form):
    """The handler's response to one request; the API keeps the cookie, as a browser does."""
    response = handler(api.event(method, path, form), None)
    for cookie in api.cookies_of(response):
        api.cookie = cookie.partition(";")[0].strip()
    return response


def main(name):
    for api in (RestApi(), HttpApi()):
        visit(api, "POST", "/login", name=name)
        visit(api, "POST", "/put", article="apple")
        page = visit(api, "GET", "/")["body"]
        print(f"{type(api).__name__}: {re.search('<p>(.*)</p>', page)[1]}")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["ada"])
