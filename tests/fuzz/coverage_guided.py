"""Coverage-guided fuzzing of the codec and its neighbours, by atheris.

python -m tests.fuzz.coverage_guided session_data -max_total_time=600 [CORPUS]

The name is one of `targets.TARGETS`; what follows goes to libFuzzer.
"""

import sys

import atheris

with atheris.instrument_imports(include=["beaker_dynamodb"]):
    from tests.fuzz.targets import TARGETS

#: Past this the process counts as out of memory, in MB: ten times what one payload may have.
MEMORY = "-rss_limit_mb=512"


def main() -> None:
    name, *arguments = sys.argv[1:]
    atheris.Setup([sys.argv[0], MEMORY, "-timeout=10", *arguments], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
