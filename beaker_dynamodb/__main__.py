"""Start the command: `beaker-dynamodb`, or `python -m beaker_dynamodb`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command with this process's arguments."""
    try:
        # Imported here: click comes with an extra.
        from .cli.commands import command  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit("the command needs click: pip install 'beaker-dynamodb[cli]'")
    command()


if __name__ == "__main__":
    main()
