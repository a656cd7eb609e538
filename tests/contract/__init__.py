"""The promises of every Beaker backend, as test classes to inherit from.

A subclass provides a fixture ``backend`` with the options that select the backend. Class attributes
(see ``Contract``) say what the backend cannot do. A fixture ``clock`` controls the time.
"""

import pytest

_SESSIONS = ("sessions", "endings", "timeouts", "cookies")
_CACHES = ("caches", "regions", "expiry", "keys", "locks", "creation")

for _module in (*_SESSIONS, *_CACHES):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")
