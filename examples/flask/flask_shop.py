"""The shop in Flask, with two sessions: Flask's own, in a cookie, and the basket's, in DynamoDB."""

import os

import flask
import shop
from beaker.cache import CacheManager
from beaker.util import parse_cache_config_options

from beaker_dynamodb import SessionMiddleware, StoreUnavailable

SETTINGS = {
    "session.type": "ext:dynamodb",
    # The shop finds a user's sessions by the key user, to log out everywhere.
    "session.url": "dynamodb://eu-west-1/shop-sessions?index_keys=user",
    "session.timeout": 1800,
    "session.auto": True,  # saves each session that was used, and writes it if it has changed
    "session.secure": True,  # the cookie is sent over https alone, and to http://127.0.0.1
    "session.httponly": True,  # no script in the page can read it
    "session.samesite": "Lax",  # forms and scripts of other sites do not send it
    "session.secret": os.environ["SESSION_SECRET"],  # signs it: an attacker cannot choose the id
    "cache.regions": "short",
    "cache.short.type": "ext:dynamodb",
    "cache.short.url": "dynamodb://eu-west-1/shop-prices",
    "cache.short.expire": 60,
}
CacheManager(**parse_cache_config_options(SETTINGS))
app = flask.Flask(__name__)
app.secret_key = os.environ["SESSION_SECRET"]  # signs the cookie of flask.session
app.wsgi_app = SessionMiddleware(app.wsgi_app, SETTINGS)


def session():
    """The session in DynamoDB; `flask.session` is the one in the cookie."""
    return flask.request.environ["beaker.session"]


@app.get("/")
def home():
    return shop.page(session()) + "".join(
        f"<p>{text}</p>\n" for text in flask.get_flashed_messages()
    )


@app.post("/login")
def log_in():
    shop.log_in(session(), flask.request.form["name"])
    flask.flash("welcome")  # Flask keeps it in flask.session
    return flask.redirect("/", 303)


@app.post("/put")
def put():
    shop.put(session(), flask.request.form["article"])
    return flask.redirect("/", 303)


@app.post("/logout")
def log_out():
    shop.log_out(session())
    return flask.redirect("/", 303)


@app.post("/logout-everywhere")
def log_out_everywhere():
    shop.log_out_everywhere(session(), SETTINGS["session.url"])
    return flask.redirect("/", 303)


@app.errorhandler(StoreUnavailable)
def outage(_error):
    return "Please try again in a minute.\n", 503
