"""Where the migrations register themselves, in the order of their modules."""

from sqlite_utils import Migrations

migrations = Migrations("smartsort")
