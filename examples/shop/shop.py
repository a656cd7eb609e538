"""A shop with a basket: the part that all examples share, without a framework.

`session` is the session of the request, in whatever object the framework has it. Each article is a
key of its own in it: two requests that put different articles into one basket overlap without loss.
"""

import time
from html import escape

from beaker.cache import cache_region

from beaker_dynamodb import end_sessions

ARTICLE = "article:"
PAGE = """<!doctype html>
<title>Shop</title>
<p>{user}, your basket: {basket}</p>
<form method="post">{articles}</form>
<form method="post">{account}</form>
"""
ARTICLES = '<button formaction="put" name="article" value="{0}">{0} {1}</button>'
LOG_IN = '<input name="name"> <button formaction="login">log in</button>'
LOG_OUT = (
    '<button formaction="logout">log out</button> '
    '<button formaction="logout-everywhere">log out everywhere</button>'
)


@cache_region("short", "prices")
def price_list():
    """The price of each article, in cents. It comes from a slow place, so it is cached."""
    time.sleep(0.3)
    return {"apple": 120, "bread": 340, "cheese": 560}


def basket(session):
    """How many of each article are in the basket."""
    return {key[len(ARTICLE) :]: session[key] for key in session if key.startswith(ARTICLE)}


def put(session, article):
    """Put one more of an article into the basket."""
    if article in price_list():
        session[ARTICLE + article] = session.get(ARTICLE + article, 0) + 1


def log_in(session, name):
    """Let the session go on under a new id: nobody who knows the old one is logged in, too.

    The example asks for no password. Your application verifies who it is before this.
    """
    if not name:
        return
    session.regenerate_id()
    session["user"] = name


def log_out(session):
    session.delete()


def log_out_everywhere(session, url):
    """End the user's sessions in all browsers; `url` leads to the table of the sessions."""
    user = session.get("user")
    session.delete()
    if user is not None:
        end_sessions("user", user, url=url)


def page(session):
    """The shop's only page, in HTML."""
    prices = price_list()
    return PAGE.format(
        user=escape(session.get("user", "stranger")),
        basket=summary(basket(session), prices),
        articles=" ".join(ARTICLES.format(*article) for article in priced(prices)),
        account=LOG_OUT if "user" in session else LOG_IN,
    )


def priced(prices):
    return [(article, in_full(cents)) for article, cents in prices.items()]


def summary(chosen, prices):
    """What is in the basket and costs how much, in words."""
    total = sum(prices[article] * number for article, number in chosen.items())
    articles = [f"{number} {article}" for article, number in chosen.items()]
    return ", ".join([*articles, f"{in_full(total)} in all"]) if articles else "empty"


def in_full(cents):
    return f"{cents // 100}.{cents % 100:02}"
