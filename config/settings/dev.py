"""A developer's machine and the demo: debug pages, the lab allowed, any *.localhost chapter."""

from .base import *
from .base import env

DEBUG = env.bool("DEBUG", default=True)
WHITENOISE_USE_FINDERS = True
ALLOWED_HOSTS = [".localhost", "127.0.0.1"]
