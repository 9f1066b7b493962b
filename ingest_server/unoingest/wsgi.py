"""The WSGI application for servers other than `unoingest serve`: `gunicorn 'unoingest.wsgi:application()'`.

Settings come from the environment (docs/configuration.md). One worker process with many threads, because
several processes that write one SQLite file wait for each other's locks: `--workers 1 --threads 64`. It has
no hot path, and no protection from clients that stop in mid-body but that server's own.
"""

import atexit
import contextlib

from flask import Flask

from unoingest.app import create_app_of
from unoingest.config import config_from_environment
from unoingest.service import service_of
from unoingest.serving_store import open_serving_store
from unoingest.structured_log import use_profile


def application() -> Flask:
    """Open the store and return the application; both last as long as the process.

    Raises:
        click.BadParameter: a setting is missing or does not fit.
        StoreError: the store cannot be opened.
    """
    config = config_from_environment()
    use_profile(config.log_profile)
    stack = contextlib.ExitStack()
    behind = stack.enter_context(open_serving_store(config))
    atexit.register(stack.close)
    return create_app_of(service_of(config, behind))
