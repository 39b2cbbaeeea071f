"""What the platform shows in the admin. Each slice keeps its own; this page only names them."""

from . import users  # noqa: F401 the chapter's people and their roles
from .api import admin as api  # noqa: F401
from .conflicts import admin as conflicts  # noqa: F401
from .connections import admin as connections  # noqa: F401
from .outbound import admin as outbound  # noqa: F401
from .sync import admin as sync  # noqa: F401
from .sync.push import admin as push  # noqa: F401
