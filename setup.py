"""Metadata of the distribution; pyproject.toml names the build system and the tools."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION_FILE = (HERE / "beaker_dynamodb" / "version.py").read_text(encoding="utf-8")
VERSION = re.search(r'^__version__ = "(.+)"$', VERSION_FILE, re.MULTILINE).group(1)

CLI = ["click>=8.1", "rich>=13.7"]
DEMO = [*CLI, "jinja2>=3.1", "moto>=5.0.10", "waitress>=3.0"]
PYRAMID = ["pyramid_beaker>=0.9"]
TELEMETRY = ["opentelemetry-api>=1.25"]
ZSTD = ["backports.zstd>=1.0; python_version < '3.14'"]
EXAMPLES = [
    *PYRAMID,
    "bottle>=0.13",
    "plaster_pastedeploy>=1.0.1",
    "pyramid>=2.0",
    "TurboGears2>=2.5",
]
TEST = [
    *DEMO,
    *TELEMETRY,
    *ZSTD,
    *EXAMPLES,
    "a2wsgi>=1.10",
    "cfn-lint>=1.20",
    "cryptography>=42",
    "flask>=3",
    "flask-cors>=4",
    "gevent>=24.2",
    "greenlet>=3",
    "gunicorn>=22",
    "hypothesis>=6.100",
    "matplotlib>=3.8",
    "mongomock>=4.3",
    "numpy>=1.26",
    "opentelemetry-sdk>=1.25",
    "psycopg[binary]>=3.2",
    "pymongo>=4.10",
    "pytest>=8",
    "pytest-randomly>=3.15",
    "pytest-xdist>=3.5",
    "python-hcl2>=5",
    "redis>=5.2",
    "sqlalchemy>=2.0",
    "webtest>=3.0",
]
# Coverage-guided fuzzing: wheels for Linux only.
FUZZ = ["atheris>=2.3; platform_system == 'Linux' and python_version < '3.14'"]
DEV = [*TEST, *FUZZ, "mypy>=1.11", "ruff>=0.6", "tox>=4.15"]

setup(
    name="beaker-dynamodb",
    version=VERSION,
    description="Server-side sessions and caches for Beaker, in Amazon DynamoDB",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    packages=find_packages(include=["beaker_dynamodb", "beaker_dynamodb.*"]),
    package_data={"beaker_dynamodb": ["py.typed", "demo/*.html", "demo/*.css"]},
    python_requires=">=3.10",
    install_requires=["beaker>=1.14", "pynamodb>=6.1"],
    extras_require={
        "cli": CLI,
        "demo": DEMO,
        "pyramid": PYRAMID,
        "telemetry": TELEMETRY,
        "zstd": ZSTD,
        "test": TEST,
        "dev": DEV,
        "all": sorted({*CLI, *DEMO, *TEST, *DEV}),
    },
    entry_points={
        "beaker.backends": ["ext:dynamodb = beaker_dynamodb:DynamoDBNamespaceManager"],
        "paste.filter_factory": ["session = beaker_dynamodb.middleware:session_filter"],
        "console_scripts": ["beaker-dynamodb = beaker_dynamodb.__main__:main"],
    },
    classifiers=[
        "Environment :: Web Environment",
        "License :: OSI Approved :: MIT License",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Database",
        "Topic :: Internet :: WWW/HTTP :: Session",
        "Typing :: Typed",
    ],
)
