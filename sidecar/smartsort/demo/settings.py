"""What a demo Immich is made with."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Profile = Literal["instant", "demo", "real"]
DEFAULT_KEY = "demo-api-key"


@dataclass(frozen=True, slots=True)
class DemoKey:
    """An API key: the text a client sends, what it may do, and whose it is (`admin` or `owner`)."""

    secret: str = DEFAULT_KEY
    permissions: tuple[str, ...] = ("all",)
    owner: str = "admin"
    name: str = "smartsort"


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """How the demo behaves.

    `mounts` maps a path as Immich sees it to the folder it really is, like a container's mounts. A path
    outside every mount is taken as it is. `import_paths` makes one library named `demo` at the start, owned
    by `library_owner`. Without it a client makes its own. `people` are named here beforehand: a face
    whose region carries one of these names is recognised at once, any other name has to gather `min_faces`
    faces first. `shared_people` belong to the other user, who shares them. Their faces are taken for either.
    With `people_from_regions` every name in a region becomes a person, as with Immich's face
    import. `library_read_only` means that deleting an asset for good leaves its file. `duplicates` None means
    that they are looked for in every profile but `instant`. With `machine_learning` it answers as that
    service too, and `people` have photos from before the demo began for others to be compared with.
    """

    version: str = "3.1.0"
    profile: Profile = "demo"
    seed: int = 0
    mounts: Mapping[str, str | os.PathLike[str]] = field(default_factory=dict)
    import_paths: tuple[str, ...] = ()
    library_owner: str = "admin"
    people: tuple[str, ...] = ()
    shared_people: tuple[str, ...] = ()
    keys: tuple[DemoKey, ...] = (DemoKey(),)
    min_faces: int = 3
    people_from_regions: bool = False
    duplicates: bool | None = None
    library_read_only: bool = True
    watch_libraries: bool = False
    machine_learning: bool = False

    @property
    def finds_duplicates(self) -> bool:
        return self.profile != "instant" if self.duplicates is None else self.duplicates
