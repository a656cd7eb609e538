"""Coverage-guided fuzzing of the codec and its neighbours, by atheris.

python -m tests.fuzz.coverage_guided session_data -max_total_time=600 [CORPUS]

The arguments after the name go to libFuzzer. Without a name, the error lists all names.
"""

import sys

import atheris

with atheris.instrument_imports(include=["beaker_dynamodb"]):
    from tests.fuzz.targets import TARGETS

#: The memory limit of the process, in MB: ten times the size limit of a payload.
MEMORY = "-rss_limit_mb=512"


def main() -> None:
    name, *arguments = sys.argv[1:] or [""]
    if name not in TARGETS:
        sys.exit(f"name one of {', '.join(TARGETS)}")
    atheris.Setup([sys.argv[0], MEMORY, "-timeout=10", *arguments], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
