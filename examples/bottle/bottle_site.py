"""A Bottle site whose sessions and caches are in DynamoDB, by its ini file."""

import configparser
import sys
import time

import bottle
from beaker.cache import CacheManager, cache_region
from beaker.util import parse_cache_config_options

from beaker_dynamodb import SessionMiddleware

site = bottle.Bottle()


@cache_region("short", "square")
def square(number):
    """Slow, so its results are cached."""
    time.sleep(0.1)
    return number * number


@site.get("/")
def home():
    session = bottle.request.environ["beaker.session"]
    if "name" not in session:
        return "nobody is logged in\n"
    return f"{session['name']}, visits: {session['visits']}\n"


@site.get("/login")
def login():
    session = bottle.request.environ["beaker.session"]
    session["name"] = bottle.request.query.name
    session["visits"] = session.get("visits", 0) + 1
    return f"welcome, {session['name']}\n"


@site.get("/logout")
def logout():
    bottle.request.environ["beaker.session"].delete()
    return "logged out\n"


@site.get("/square")
def show_square():
    return f"{square(int(bottle.request.query.number))}\n"


def main(ini_file):
    """The site as the ini file configures it."""
    parser = configparser.ConfigParser()
    parser.read(ini_file)
    settings = dict(parser["site"])
    CacheManager(**parse_cache_config_options(settings))
    return SessionMiddleware(site, settings)


if __name__ == "__main__":
    bottle.run(main(sys.argv[1]), host="127.0.0.1", port=8082)
