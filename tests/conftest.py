"""Common set-up: the package under test is the installed one, and the local
time zone is UTC (golden payloads of naive datetimes were made so)."""

import os
import sys
import time

TESTS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(TESTS)

# The `pyfory` folder beside this one has no compiled core; whatever put the
# repository root on sys.path (python -m pytest does) must not win over the
# installed package.
sys.path[:] = [p for p in sys.path if os.path.abspath(p or os.getcwd()) != ROOT]
sys.path.insert(0, TESTS)

os.environ["TZ"] = "UTC"
if hasattr(time, "tzset"):
    time.tzset()

try:
    import pyfory._core  # noqa: F401
except ImportError as error:  # pragma: no cover
    raise RuntimeError(
        "the tests need the installed package, try `pip install .` (found pyfory at %s): %s"
        % (getattr(sys.modules.get("pyfory"), "__file__", "nowhere"), error)
    )

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # pragma: no cover
    pass
else:
    # Same examples on every run: a red build must be the fault of the change.
    # PYFORY_HYPOTHESIS=thorough explores instead.
    settings.register_profile(
        "default", deadline=None, derandomize=True, max_examples=60, database=None,
        suppress_health_check=list(HealthCheck),
    )
    settings.register_profile(
        "thorough", deadline=None, max_examples=2000, print_blob=True, suppress_health_check=list(HealthCheck)
    )
    settings.load_profile(os.environ.get("PYFORY_HYPOTHESIS", "default"))
