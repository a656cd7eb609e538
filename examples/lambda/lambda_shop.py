"""The shop in AWS Lambda: `handler` answers events of API Gateway, in both of their formats."""

import os

from apig_wsgi import make_lambda_handler
from shop_wsgi import Shop

from beaker_dynamodb import SessionMiddleware

SETTINGS = {
    "session.type": "ext:dynamodb",
    # The shop finds a user's sessions by the key user, to log out everywhere. API Gateway waits for
    # 29 s: a call to DynamoDB ends within 7 s.
    "session.url": (
        "dynamodb://eu-west-1/shop-sessions?index_keys=user&max_retries=1&read_timeout=2"
    ),
    "session.timeout": 1800,
    "session.auto": True,  # saves each session that was used, and writes it if it has changed
    "session.secure": True,  # the cookie is sent over https alone
    "session.httponly": True,  # no script in the page can read it
    "session.samesite": "Lax",  # forms and scripts of other sites do not send it
    "session.secret": os.environ["SESSION_SECRET"],  # signs it: an attacker cannot choose the id
    "cache.regions": "short",
    "cache.short.type": "ext:dynamodb",
    "cache.short.url": "dynamodb://eu-west-1/shop-prices?max_retries=1&read_timeout=2",
    "cache.short.expire": 60,
}
# Built at import, once for each execution environment.
handler = make_lambda_handler(SessionMiddleware(Shop(SETTINGS), SETTINGS))
