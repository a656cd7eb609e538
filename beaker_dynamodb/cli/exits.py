"""How the command ends: its exit codes, and each error in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import click

from ..errors import BeakerDynamoDBError, ConfigurationError

_EXIT_CODES = """\b
Exit codes:
  0    done
  1    failed: DynamoDB refused or did not answer
  2    a wrong option, file or credential: nothing was tried
  3    done, and something is left to do: the output names it
  130  interrupted
"""


#: What click raises to print its help, since 8.2.
_HELP: tuple[type[Exception], ...] = tuple(
    filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)])
)


class Exit(IntEnum):
    """The exit codes of the command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNFINISHED = 3
    INTERRUPTED = 130


def help_end(*examples: str) -> str:
    """The end of a command's help: examples, and the exit codes.

    Args:
        examples: what follows `beaker-dynamodb` on the command line.
    """
    lines = [f"  beaker-dynamodb {example}" for example in examples]
    return "\n".join(["\b", "Examples:", *lines, "", _EXIT_CODES])


class Failure(click.ClickException):
    """An error that ends the command: one line, and an exit code.

    Args:
        message: what happened, and what to do.
        code: of the process.
    """

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(" ".join(message.split()))
        self.exit_code = code  # type: ignore[misc]  # click declares it for the class


class OneLineErrors(click.Group):
    """A group that prints an error with its causes in one line, without a traceback."""

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        """Parse the options of the command itself."""
        with _in_one_line():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the part of the command that the arguments name."""
        with _in_one_line():
            return super().invoke(ctx)


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except _HELP:
        raise
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "beaker-dynamodb"
        raise Failure(f"{error.format_message()} (see {path} --help)", Exit.USAGE) from error
    except ConfigurationError as error:
        raise Failure(_with_causes(error), Exit.USAGE) from error
    except BeakerDynamoDBError as error:
        raise Failure(_with_causes(error)) from error
    except (click.Abort, KeyboardInterrupt) as error:
        raise _stopped(error) from error


def _stopped(error: click.Abort | KeyboardInterrupt) -> Failure:
    # click turns Ctrl-C at a question into Abort.
    if isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt):
        return Failure("interrupted", Exit.INTERRUPTED)
    return Failure("stopped: nothing was changed (--yes does not ask)")


def _with_causes(error: BeakerDynamoDBError) -> str:
    """An error's message, and what DynamoDB has answered if that led to it."""
    text = str(error)
    answers = [
        answer for cause in _causes(error) for answer in _answer(cause) if answer not in text
    ]
    return ": DynamoDB answered: ".join([text, *answers[-1:]])


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        error = getattr(error, "cause", None) or error.__cause__
    return iter(seen[1:])


def _answer(cause: BaseException) -> list[str]:
    # Only DynamoDB's own words. Those of a library may quote a header, and with it a secret.
    response = getattr(cause, "response", None)
    message = response.get("Error", {}).get("Message") if isinstance(response, dict) else None
    return [message] if message else []
