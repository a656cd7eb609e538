"""The table of options in README.md, generated from the Options.

python -m tests.support.option_table    updates the table
"""

from pathlib import Path

from tests.support.internals import option_rows

README = Path(__file__).parent.parent.parent / "README.md"
BEGIN, END = "<!-- options: generated -->", "<!-- end of options -->"


def table() -> str:
    rows = [("option", "default", "unit", "meaning"), ("---", "---", "---", "---"), *option_rows()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def table_in(text: str) -> str:
    return text.split(BEGIN)[1].split(END, maxsplit=1)[0].strip()


def main() -> None:
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
