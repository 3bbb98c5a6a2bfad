"""Settings for the way to Immich."""

from __future__ import annotations

from pydantic import SecretStr

from smartsort.config.values import (
    HttpUrl,
    PathInImmich,
    Section,
    UserPath,
    require_header_text,
    setting,
)

_URL = "a URL such as http://immich-server:2283"


class Immich(Section):
    """Where Immich is and how it is asked."""

    url: HttpUrl | None = setting(None, "Immich's address, with or without `/api` at its end.", allowed=_URL)
    api_key: SecretStr | None = setting(None, "API key of the owner of the photos.")
    api_key_file: UserPath | None = setting(None, "File that holds `immich.api_key`.")
    admin_api_key: SecretStr | None = setting(
        None, "API key of an admin for libraries and queues, when the owner is not an admin."
    )
    admin_api_key_file: UserPath | None = setting(None, "File that holds `immich.admin_api_key`.")
    library_path: PathInImmich | None = setting(
        None,
        "Where Immich sees `directories.library_dir`. Not set: under the same path as smartsort.",
        allowed="an absolute path such as /mnt/smartsort/library",
    )
    ml_url: HttpUrl | None = setting(
        None,
        "Immich's machine learning service, for the confidence. Not set: confidence is unknown.",
        allowed="a URL such as http://immich-machine-learning:3003",
    )
    ml_model: str | None = setting(
        None,
        "The model Immich recognises faces with. Not set: what Immich says where the key may read its "
        "settings (`systemConfig.read`), else its default `buffalo_l`.",
        allowed="a name such as antelopev2",
    )
    ml_timeout_seconds: float = setting(
        5.0, "Longest wait for machine learning. After that the confidence is unknown.", gt=0, le=600
    )
    recheck_interval_seconds: float = setting(
        60.0,
        "Pause between two comparisons of the photos in review with what Immich has learned meanwhile.",
        ge=0.2,
        le=86_400,
    )
    wait_time_seconds: float = setting(
        5.0, "Longest pause between two looks at Immich while photos wait for it.", ge=0.1, le=3600
    )
    trigger_scan: bool = setting(True, "Ask Immich to scan the library when photos have been placed there.")
    scan_interval_seconds: float = setting(
        2.0, "Shortest pause between two scans that smartsort asks for.", ge=0, le=86_400
    )
    retry_if_no_faces: bool = setting(
        True, "Have the face detection repeated for photos whose detection did not finish."
    )
    max_retries: int = setting(2, "How often it is repeated before the photo goes to review.", ge=0, le=100)
    request_timeout_seconds: float = setting(30.0, "Longest time one request may take.", gt=0, le=3600)
    shard_size: int = setting(
        20_000, "Files per external library. The next one follows a full one.", ge=100, le=1_000_000
    )
    max_in_flight: int = setting(
        1000,
        "Most photos placed and not yet recognised. Below it the number follows the server's pace, because "
        "Immich assigns no people while a batch is running.",
        ge=1,
    )
    archive_unwanted: bool = setting(False, "Archive photos in Immich that show a person on the blacklist.")
    album_per_person: bool = setting(
        False, "Put filed photos into an album of Immich named after the person."
    )
    follow_deletions: bool = setting(
        True, "Reject a photo that you delete in Immich, and undo that when you restore it there."
    )
    max_unconfirmed_deletions: int = setting(
        100, "When you delete more photos than this in Immich within an hour, you confirm it first.", ge=0
    )
    deletion_grace_hours: float = setting(
        24.0,
        "How long the file of a photo deleted in Immich stays in the library. Then it goes to the trash, "
        "as it does when you empty Immich's.",
        ge=0,
        le=8760,
    )
    different_people: tuple[str, ...] = setting(
        (),
        "Names that another user, who shares people with you, gives to a different person. Without this, a "
        "shared person with the name of your own is the same person.",
    )
    verify_tls: bool = setting(True, "Check the certificate of an https address.")

    def _check_secrets(self) -> None:
        require_header_text(self.api_key, "api_key")
        require_header_text(self.admin_api_key, "admin_api_key")
