"""The shop in Bottle. Its ini file says where sessions and prices are stored."""

import configparser
import sys
from pathlib import Path

import bottle
import shop
from beaker.cache import CacheManager
from beaker.util import parse_cache_config_options

from beaker_dynamodb import SessionMiddleware

site = bottle.Bottle()


def session():
    return bottle.request.environ["beaker.session"]


@site.get("/")
def home():
    return shop.page(session())


@site.post("/login")
def log_in():
    shop.log_in(session(), bottle.request.forms.name)
    bottle.redirect("/")


@site.post("/put")
def put():
    shop.put(session(), bottle.request.forms.article)
    bottle.redirect("/")


@site.post("/logout")
def log_out():
    shop.log_out(session())
    bottle.redirect("/")


@site.post("/logout-everywhere")
def log_out_everywhere():
    shop.log_out_everywhere(session(), site.config["session.url"])
    bottle.redirect("/")


def main(ini_file):
    """The shop as the ini file configures it."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(Path(ini_file).read_text(encoding="utf-8"), ini_file)
    settings = dict(parser["site"])
    site.config.update(settings)
    CacheManager(**parse_cache_config_options(settings))
    return SessionMiddleware(site, settings)


if __name__ == "__main__":
    bottle.run(main(sys.argv[1]), server="waitress", host="127.0.0.1", port=8082)
