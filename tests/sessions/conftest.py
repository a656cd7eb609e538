"""A site without retries, and outages of DynamoDB."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from beaker_dynamodb.testing.site import Site

OUTAGES = {
    "no connection": EndpointConnectionError(endpoint_url="http://dynamodb"),
    "no answer": ReadTimeoutError(endpoint_url="http://dynamodb"),
    "internal error": (500, "InternalServerError"),
    "unavailable": (503, "ServiceUnavailable"),
    "throttled": (400, "ProvisionedThroughputExceededException"),
    "no credentials": NoCredentialsError(),
}


@pytest.fixture
def site(dynamodb: Any) -> Site:
    return Site(dynamodb.options, max_retries=0)


@pytest.fixture(params=list(OUTAGES.values()), ids=list(OUTAGES))
def outage(request: pytest.FixtureRequest) -> Any:
    return request.param
