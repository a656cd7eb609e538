"""Every error that DynamoDB's operations can return is known, and is this package's own error."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from beaker.cache import Cache
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from beaker_dynamodb import BeakerDynamoDBError, StoreUnavailable, TableError
from tests.support.internals import retry
from tests.support.wire import Wire
from tests.table.test_retry import refusal

CALLED = [
    *("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "BatchGetItem", "BatchWriteItem"),
    *("CreateTable", "DescribeTable", "UpdateTimeToLive"),
]
#: Each error of these operations in botocore's model of DynamoDB: what this package raises. None
#: is handled: a condition that is not met, a table that another process is creating.
KNOWN: dict[str, type[BeakerDynamoDBError] | None] = {
    "ConditionalCheckFailedException": None,
    "InternalServerError": StoreUnavailable,
    "ItemCollectionSizeLimitExceededException": BeakerDynamoDBError,
    "LimitExceededException": StoreUnavailable,
    "ProvisionedThroughputExceededException": StoreUnavailable,
    "ReplicatedWriteConflictException": StoreUnavailable,
    "RequestLimitExceeded": StoreUnavailable,
    "ResourceInUseException": None,
    "ResourceNotFoundException": TableError,
    "ThrottlingException": StoreUnavailable,
    "TransactionConflictException": StoreUnavailable,
}
RAISED = sorted(code for code, kind in KNOWN.items() if kind)


def modelled_errors() -> dict[str, Any]:
    """The errors of the operations that this package calls, by their codes."""
    model = botocore.session.get_session().get_service_model("dynamodb")
    shapes = [shape for name in CALLED for shape in model.operation_model(name).error_shapes]
    return {shape.name: shape for shape in shapes}


def test_every_error_of_the_service_model_is_known() -> None:
    unknown = modelled_errors().keys() - KNOWN
    assert not unknown, f"botocore knows new errors of DynamoDB: handle them, then add {unknown}"


def test_every_error_that_the_service_model_retries_is_retried() -> None:
    retried = [code for code, shape in modelled_errors().items() if shape.metadata.get("retryable")]
    assert [code for code in retried if not retry.is_retried(refusal(code))] == []


def test_every_error_that_botocores_standard_mode_retries_is_retried() -> None:
    codes = {
        *ThrottledRetryableChecker._THROTTLED_ERROR_CODES,
        *TransientRetryableChecker._TRANSIENT_ERROR_CODES,
    }
    of_another_service = {"EC2ThrottledException"}
    assert {code for code in codes if not retry.is_retried(refusal(code))} == of_another_service
    statuses = TransientRetryableChecker._TRANSIENT_STATUS_CODES
    assert all(retry.is_retried(refusal("SomethingNew", status)) for status in [*statuses, 429])


@pytest.mark.usefixtures("create_table")
@pytest.mark.parametrize("code", RAISED)
def test_an_error_is_raised_as_this_packages_own(dynamodb: Any, wire: Wire, code: str) -> None:
    options = {**dynamodb.options, "create_table": False, "max_retries": 0}
    cache = Cache("errors", type="ext:dynamodb", **options)
    wire.fail_next("PutItem", (400, code))
    with pytest.raises(BeakerDynamoDBError) as caught:
        cache.put("a", 1)
    assert (type(caught.value), caught.value.code) == (KNOWN[code], code)


@pytest.mark.usefixtures("create_table")
@pytest.mark.parametrize("code", ["ReplicatedWriteConflictException", "ThrottlingException"])
def test_a_temporary_error_is_retried(dynamodb: Any, wire: Wire, code: str) -> None:
    cache = Cache("errors", type="ext:dynamodb", **dynamodb.options, max_retries=1)
    wire.fail_next("PutItem", (409, code))
    with wire.expect("PutItem", "PutItem"):
        cache.put("a", 1)
    assert cache.get("a") == 1
