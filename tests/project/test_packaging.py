"""The metadata of the distribution agrees with the code, the documents and CI."""

import re
import runpy
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/beaker-dynamodb/beaker-dynamodb"


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PROJECT = text_of("pyproject.toml")
PYTHONS = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)


class TestThePythons:
    def test_of_ci_are_those_of_the_classifiers(self) -> None:
        [matrix] = re.findall(r"python: \[(.*)\]", text_of(".github/workflows/ci.yml"))
        assert re.findall(r'"(.*?)"', matrix) == PYTHONS

    def test_of_tox_are_those_of_the_classifiers(self) -> None:
        [minors] = re.findall(r"^env_list = py3\{(.*?)\}", text_of("tox.ini"), re.MULTILINE)
        assert [f"3.{minor}" for minor in minors.split(",")] == PYTHONS

    def test_begin_with_the_oldest_that_pip_accepts(self) -> None:
        assert f'requires-python = ">={PYTHONS[0]}"' in PROJECT


def test_the_oldest_libraries_of_tox_are_those_of_the_metadata() -> None:
    [needed] = re.findall(r"^dependencies = \[(.*)\]", PROJECT, re.MULTILINE)
    bounds = [Requirement(one) for one in re.findall(r'"(.*?)"', needed)]
    pinned = dict(re.findall(r"^    (\w+)==([\d.]+)$", text_of("tox.ini"), re.MULTILINE))
    assert {bound.name for bound in bounds} == pinned.keys()
    assert all(str(bound.specifier) == f">={pinned[bound.name][:-2]}" for bound in bounds)


def test_ci_runs_each_environment_of_tox() -> None:
    environments = set(re.findall(r"^\[testenv:(\w+)\]", text_of("tox.ini"), re.MULTILINE))
    [listed] = re.findall(r"environment: \[(.*)\]", text_of(".github/workflows/ci.yml"))
    assert set(listed.split(", ")) == environments
    [run] = re.findall(r" -e ([\w,]+)$", text_of(".ci/run"), re.MULTILINE)
    assert set(run.split(",")) - {"py"} <= environments


def test_each_extra_that_a_text_names_exists() -> None:
    section = PROJECT.split("[project.optional-dependencies]\n")[1].split("\n\n")[0]
    extras = set(re.findall(r"^(\w+) = ", section, re.MULTILINE))
    assert extras == {"cli", "demo", "encryption", "pyramid", "telemetry", "test", "zstd"}
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    texts += (ROOT / "beaker_dynamodb").rglob("*.py")
    for path in texts:
        found = re.findall(
            r"(?:beaker-dynamodb|'\.|FOLDER)\[([\w,]+)\]", path.read_text(encoding="utf-8")
        )
        assert {extra for names in found for extra in names.split(",")} <= extras, path


class TestReadme:
    """A package index shows README alone: a relative link leads nowhere there.

    setup.py makes those to images absolute.
    """

    LINKS = re.findall(r"^\[[\w ]+\]: (\S+)|\]\(([^)]+)\)", text_of("README.md"), re.MULTILINE)
    IMAGES = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text_of("README.md"))
    TARGETS = sorted({reference or inline for reference, inline in LINKS} - {*IMAGES})

    @pytest.mark.parametrize("target", TARGETS)
    def test_has_only_absolute_links(self, target: str) -> None:
        assert target.startswith("https://")

    @pytest.mark.parametrize(
        "target", [each for each in TARGETS if each.startswith(f"{REPOSITORY}/")]
    )
    def test_links_to_files_that_exist(self, target: str) -> None:
        path, _, fragment = re.sub(r"^.*?/(blob|tree)/main/", "", target).partition("#")
        assert (ROOT / path).exists()
        if fragment:
            titles = re.findall(r"^#+ (.*)", text_of(path), re.MULTILINE)
            assert fragment in {title.lower().replace(" ", "-") for title in titles}

    def test_has_its_images_on_an_index(self, monkeypatch: pytest.MonkeyPatch) -> None:
        setuptools = pytest.importorskip("setuptools")
        given: dict[str, str] = {}
        monkeypatch.setattr(setuptools, "setup", given.update)
        runpy.run_path(str(ROOT / "setup.py"))
        images = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", given["long_description"])
        assert images == [f"{REPOSITORY}/raw/main/{image}" for image in self.IMAGES]
        assert all((ROOT / image).exists() for image in self.IMAGES)

    def test_defines_each_reference(self) -> None:
        text = text_of("README.md")
        used = set(re.findall(r"\]\[([\w ]+)\]", text))
        assert used == set(re.findall(r"^\[([\w ]+)\]: ", text, re.MULTILINE))
