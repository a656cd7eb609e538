from pathlib import Path

from setuptools import setup

# A package index shows README without the files beside it.
IMAGES = "https://github.com/beaker-dynamodb/beaker-dynamodb/raw/main/docs/images/"
README = Path(__file__).with_name("README.md").read_text(encoding="utf-8")

setup(
    long_description=README.replace("](docs/images/", f"]({IMAGES}"),
    long_description_content_type="text/markdown",
)
