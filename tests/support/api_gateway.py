"""Requests of a browser as AWS gives them to a function, and the function's answers.

The forms are those of API Gateway's and Elastic Load Balancing's documentation:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: From the cookies of a browser, as it sends them, to the event of a GET of "/".
Event = Callable[[str], dict[str, Any]]

HOST = "abc123.execute-api.eu-west-1.amazonaws.com"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def _headers(cookies: str) -> dict[str, str]:
    return {
        "Accept": "text/html,application/xhtml+xml",
        "Cookie": cookies,
        "Host": HOST,
        "User-Agent": BROWSER,
        "X-Amzn-Trace-Id": "Root=1-6745a1b2-3c4d5e6f708192a3b4c5d6e7",
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }


def rest_api(cookies: str) -> dict[str, Any]:
    """The event of a REST API: payload format 1.0, without its name."""
    headers = _headers(cookies)
    return {
        "resource": "/",
        "path": "/",
        "httpMethod": "GET",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": HOST,
            "domainPrefix": "abc123",
            "extendedRequestId": "ByzTuHkfjoEEMYw=",
            "httpMethod": "GET",
            "identity": {"sourceIp": "203.0.113.7", "user": None, "userAgent": BROWSER},
            "path": "/prod/",
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "requestTime": "25/Nov/2026:14:00:00 +0000",
            "requestTimeEpoch": 1795615200000,
            "resourceId": "abcdef",
            "resourcePath": "/",
            "stage": "prod",
        },
        "body": None,
        "isBase64Encoded": False,
    }


def http_api_format_1(cookies: str) -> dict[str, Any]:
    """The event of an HTTP API whose integration has the payload format 1.0."""
    return {"version": "1.0", **rest_api(cookies)}


def http_api(cookies: str) -> dict[str, Any]:
    """The event of an HTTP API, format 2.0: cookies in a list, names of headers in lower case."""
    headers = {name.lower(): value for name, value in _headers(cookies).items()}
    del headers["cookie"]
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "rawQueryString": "",
        "cookies": cookies.split("; "),
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": HOST,
            "domainPrefix": "abc123",
            "http": {
                "method": "GET",
                "path": "/",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": BROWSER,
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "25/Nov/2026:14:00:00 +0000",
            "timeEpoch": 1795615200000,
        },
        "isBase64Encoded": False,
    }


def load_balancer(cookies: str) -> dict[str, Any]:
    """The event of an Application Load Balancer without multi-value headers."""
    headers = {name.lower(): value for name, value in _headers(cookies).items()}
    return {
        "requestContext": {
            "elb": {
                "targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:"
                "targetgroup/shop/6d0ecf831eec9f09"
            }
        },
        "httpMethod": "GET",
        "path": "/",
        "queryStringParameters": {},
        "headers": headers,
        "body": "",
        "isBase64Encoded": False,
    }


EVENTS: list[Event] = [rest_api, http_api_format_1, http_api, load_balancer]


def answer_of_function(answer: dict[str, Any], cookies: str) -> tuple[str, str]:
    """The page that a function has returned, and the cookies that a browser has after it.

    Args:
        answer: in the form of the event that the function was called with.
        cookies: those that the browser has sent.
    """
    assert answer["statusCode"] == 200
    fields = {**answer.get("headers", {}), **answer.get("multiValueHeaders", {})}
    new = answer.get("cookies") or [
        value if isinstance(value, str) else value[0]
        for name, value in fields.items()
        if name.lower() == "set-cookie"
    ]
    sent = [*cookies.split("; "), *(one.partition(";")[0] for one in new)]
    pairs = dict(one.split("=", 1) for one in sent)
    return answer["body"], "; ".join(f"{name}={value}" for name, value in pairs.items())
