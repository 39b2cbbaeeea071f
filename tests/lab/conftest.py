from tests.providers.conftest import _lab, lab  # noqa: F401 fixtures
