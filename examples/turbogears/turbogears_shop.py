"""The shop in TurboGears. Its ini file says where sessions and prices are stored."""

import configparser
import sys
from pathlib import Path

import shop
import waitress
from tg import MinimalApplicationConfigurator, TGController, config, expose, redirect, session
from tg import request as tg_request
from tg.configurator.components.caching import CachingConfigurationComponent
from tg.configurator.components.session import SessionConfigurationComponent
from tg.controllers.util import abort
from tg.decorators import before_validate

from beaker_dynamodb.turbogears import DynamoDBSessions


@before_validate
def post_alone(_remainder, _params):
    if tg_request.method != "POST":
        abort(405)


class RootController(TGController):
    @expose(content_type="text/html")
    def index(self):
        return shop.page(session)

    @expose()
    @post_alone
    def login(self, name):
        shop.log_in(session, name)
        redirect("/")

    @expose()
    @post_alone
    def put(self, article):
        shop.put(session, article)
        redirect("/")

    @expose()
    @post_alone
    def logout(self):
        shop.log_out(session)
        redirect("/")

    @expose()
    @post_alone
    def logout_everywhere(self):
        shop.log_out_everywhere(session, config["session.url"])
        redirect("/")


def main(ini_file):
    """The shop as the ini file configures it."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(Path(ini_file).read_text(encoding="utf-8"), ini_file)
    configurator = MinimalApplicationConfigurator()
    configurator.register(SessionConfigurationComponent)
    configurator.register(DynamoDBSessions)
    configurator.register(CachingConfigurationComponent)
    configurator.update_blueprint({"root_controller": RootController()})
    return configurator.make_wsgi_app({}, dict(parser["site"]))


if __name__ == "__main__":
    waitress.serve(main(sys.argv[1]), listen="127.0.0.1:8081")
