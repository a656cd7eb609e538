"""The shop in Pyramid. Its ini file says where sessions and prices are stored."""

import shop
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response
from pyramid.view import view_config


@view_config(route_name="home", request_method="GET")
def home(request):
    return Response(shop.page(request.session))


@view_config(route_name="login", request_method="POST")
def log_in(request):
    shop.log_in(request.session, request.POST["name"])
    return HTTPSeeOther("/")


@view_config(route_name="put", request_method="POST")
def put(request):
    shop.put(request.session, request.POST["article"])
    return HTTPSeeOther("/")


@view_config(route_name="logout", request_method="POST")
def log_out(request):
    shop.log_out(request.session)
    return HTTPSeeOther("/")


@view_config(route_name="logout-everywhere", request_method="POST")
def log_out_everywhere(request):
    shop.log_out_everywhere(request.session, request.registry.settings["session.url"])
    return HTTPSeeOther("/")


def main(_global_config, **settings):
    """What `use = call:pyramid_shop:main` in the ini file calls."""
    config = Configurator(settings=settings)
    config.include("beaker_dynamodb.pyramid")
    config.add_route("home", "/")
    for name in ("login", "put", "logout", "logout-everywhere"):
        config.add_route(name, f"/{name}")
    config.scan(__name__)
    return config.make_wsgi_app()
