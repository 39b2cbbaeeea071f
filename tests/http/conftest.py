from tests.doors import *  # noqa: F403 fixtures
