"""Setting up: from an address and a key to a library in Immich and a configuration file."""

from smartsort.setup.conversation import Conversation, SetupOptions
from smartsort.setup.steps import Setup

__all__ = ["Conversation", "Setup", "SetupOptions"]
