"""The shop as a plain WSGI application, for the examples of Paste and AWS Lambda."""

from urllib.parse import parse_qs

import shop
from beaker.cache import CacheManager
from beaker.util import parse_cache_config_options


class Shop:
    """The application; `settings` has the cache regions and the URL of the sessions' table."""

    def __init__(self, settings):
        CacheManager(**parse_cache_config_options(settings))
        url = settings["session.url"]
        self.changes = {
            "/login": lambda session, form: shop.log_in(session, form["name"]),
            "/put": lambda session, form: shop.put(session, form["article"]),
            "/logout": lambda session, _: shop.log_out(session),
            "/logout-everywhere": lambda session, _: shop.log_out_everywhere(session, url),
        }

    def __call__(self, environ, start_response):
        session, path = environ["beaker.session"], environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "POST" and path in self.changes:
            self.changes[path](session, form_of(environ))
            # Relative: a REST API has its stage in front of the path.
            start_response("303 See Other", [("Location", "./"), ("Content-Length", "0")])
            return []
        if path != "/":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found\n"]
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [shop.page(session).encode()]


def form_of(environ):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    fields = parse_qs(body.decode(), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


def main(global_config, **settings):
    """What `use = call:shop_wsgi:main` in an ini file calls."""
    return Shop({**global_config, **settings})
