"""Start the command: `beaker-dynamodb`, or `python -m beaker_dynamodb`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command with this process's arguments."""
    try:
        # Imported here: click and rich come with an extra.
        from .cli.commands import command  # noqa: PLC0415
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        if library not in {"click", "rich"}:
            raise
        sys.exit(f"the command needs {library}: pip install 'beaker-dynamodb[cli]'")
    except KeyboardInterrupt:
        # Ctrl-C before the command runs; the same code as afterwards.
        sys.exit(130)
    command(prog_name="beaker-dynamodb")


if __name__ == "__main__":
    main()
