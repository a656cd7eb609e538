"""A TurboGears site whose sessions and caches are in DynamoDB, by its ini file."""

import configparser
import sys
import time
from wsgiref.simple_server import make_server

from beaker.cache import cache_region
from tg import MinimalApplicationConfigurator, TGController, expose, session
from tg.configurator.components.caching import CachingConfigurationComponent
from tg.configurator.components.session import SessionConfigurationComponent

from beaker_dynamodb.turbogears import DynamoDBSessions


@cache_region("short", "square")
def square(number):
    """Slow, so its results are cached."""
    time.sleep(0.1)
    return number * number


class RootController(TGController):
    @expose(content_type="text/plain")
    def index(self):
        if "name" not in session:
            return "nobody is logged in\n"
        return f"{session['name']}, visits: {session['visits']}\n"

    @expose(content_type="text/plain")
    def login(self, name):
        session["name"] = name
        session["visits"] = session.get("visits", 0) + 1
        session.save()
        return f"welcome, {name}\n"

    @expose(content_type="text/plain")
    def logout(self):
        session.delete()
        return "logged out\n"

    @expose(content_type="text/plain")
    def square(self, number):
        return f"{square(int(number))}\n"


def main(ini_file):
    """The site as the ini file configures it."""
    parser = configparser.ConfigParser()
    parser.read(ini_file)
    config = MinimalApplicationConfigurator()
    config.register(SessionConfigurationComponent)
    config.register(DynamoDBSessions)
    config.register(CachingConfigurationComponent)
    config.update_blueprint({"root_controller": RootController()})
    return config.make_wsgi_app({}, dict(parser["site"]))


if __name__ == "__main__":
    make_server("127.0.0.1", 8081, main(sys.argv[1])).serve_forever()
