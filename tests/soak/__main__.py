"""python -m tests.soak [--seconds 600] [--write]    runs the soak, and prints its report."""

import argparse
import sys
from pathlib import Path

from .report import report
from .soak import problems, soak

PAGE = Path(__file__).parent.parent.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- soak: generated -->", "<!-- end of soak -->"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--seconds", type=float, default=600, help="how long users go on")
    parser.add_argument("--write", action="store_true", help=f"keep the report in {PAGE.name}")
    arguments = parser.parse_args()
    result = soak(arguments.seconds)
    shown = report(result)
    print(shown)  # noqa: T201  # a script
    if arguments.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n{shown}\n{END}{after}", encoding="utf-8")
    sys.exit("\n".join(problems(result)[:20]) or None)


if __name__ == "__main__":
    main()
