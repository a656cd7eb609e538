"""What any Beaker backend owes to Beaker, as classes to inherit from.

A subclass gives a fixture ``backend``, the options that select the backend, and says with class
attributes (see ``Contract``) what the backend can't do. A fixture ``clock`` gives the time.
"""

import pytest

_SESSIONS = ("sessions", "endings", "timeouts", "cookies")
_CACHES = ("caches", "regions", "expiry", "keys", "locks", "creation")

for _module in (*_SESSIONS, *_CACHES):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")
