"""A Pyramid site whose sessions and caches are in DynamoDB, by its ini file."""

import time

from beaker.cache import cache_region
from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.view import view_config


@cache_region("short", "square")
def square(number):
    """Slow, so its results are cached."""
    time.sleep(0.1)
    return number * number


@view_config(route_name="home")
def home(request):
    session = request.session
    if "name" not in session:
        return Response("nobody is logged in\n")
    return Response(f"{session['name']}, visits: {session['visits']}\n")


@view_config(route_name="login")
def login(request):
    session = request.session
    session["name"] = request.params["name"]
    session["visits"] = session.get("visits", 0) + 1
    session.flash("welcome")
    return Response(f"{session.pop_flash()[0]}, {session['name']}\n")


@view_config(route_name="logout")
def logout(request):
    request.session.delete()
    return Response("logged out\n")


@view_config(route_name="square")
def show_square(request):
    return Response(f"{square(int(request.params['number']))}\n")


def main(_global_config, **settings):
    """What `use = call:pyramid_site:main` in the ini file calls."""
    config = Configurator(settings=settings)
    config.include("beaker_dynamodb.pyramid")
    config.add_route("home", "/")
    for name in ("login", "logout", "square"):
        config.add_route(name, f"/{name}")
    config.scan(__name__)
    return config.make_wsgi_app()
