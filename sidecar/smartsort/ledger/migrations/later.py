"""The schema since m051. Add a new migration at the end of this module."""

from __future__ import annotations

from sqlite_utils import Database

from smartsort.ledger.migrations.registry import migrations


@migrations()
def m051_companions(db: Database) -> None:
    """Side files travel with their photo. What Takeout says about it. Photos are found by their name."""
    execute = db.conn.execute
    # SQLite cannot change a CHECK. No table refers to this one, so it is written again.
    execute("ALTER TABLE names RENAME TO names_before_m051")
    execute(
        """CREATE TABLE names (
            id INTEGER PRIMARY KEY,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            area TEXT NOT NULL CHECK (area IN ('temp', 'library', 'faces', 'review', 'trash')),
            path ANY NOT NULL,
            member TEXT NOT NULL DEFAULT 'photo' CHECK (member IN (
                'photo', 'raw', 'video', 'xmp', 'json', 'info', 'pp3', 'dop', 'zone', 'md5', 'sha1', 'sha256',
                'sha512', 'sfv', 'crc32', 'txt', 'aae', 'on1', 'srt', 'vtt', 'description', 'nfo', 'url',
                'webloc', 'thm')),
            method TEXT NOT NULL DEFAULT 'hardlink',
            person_id TEXT,
            size INTEGER, mtime_ns INTEGER, sha256 TEXT,
            UNIQUE (area, path)
        ) STRICT"""
    )
    execute(
        "INSERT INTO names (id, photo_id, area, path, member, method, person_id, size, mtime_ns, sha256)"
        " SELECT id, photo_id, area, path, member, method, person_id, size, mtime_ns, sha256"
        " FROM names_before_m051"
    )
    execute("DROP TABLE names_before_m051")
    execute("CREATE INDEX idx_names_photo ON names(photo_id)")
    execute(
        "CREATE INDEX idx_names_halves ON names(sha256)"
        " WHERE member IN ('raw', 'video') AND sha256 IS NOT NULL"
    )
    execute("CREATE INDEX idx_photos_original_name ON photos(original_name)")
    execute(
        """CREATE TABLE takeout (
            photo_id INTEGER PRIMARY KEY REFERENCES photos(id),
            people TEXT NOT NULL CHECK (json_valid(people)),
            taken_at TEXT
        ) STRICT"""
    )


@migrations()
def m052_running_time(db: Database) -> None:
    """How long smartsort had run when a photo came into the trash: the retention time does not trust clocks.

    For photos that are there already the time begins now.
    """
    db.conn.execute("ALTER TABLE photos ADD COLUMN trashed_ran REAL")


@migrations()
def m053_dates_of_faces(db: Database) -> None:
    """Faces of a gallery know when their photo was taken, once it was put together again: within a week."""
    db.conn.execute("ALTER TABLE embeddings ADD COLUMN taken TEXT")


@migrations()
def m054_names(db: Database) -> None:
    """Tables are called what their rows are. Indexes keep their names."""
    for old, new in {
        "denials": "ruled_out",
        "teachings": "feedback",
        "items": "submissions",
        "looks": "picture_hashes",
        "look_parts": "picture_hash_parts",
    }.items():
        db.conn.execute(f"ALTER TABLE {old} RENAME TO {new}")
    db.conn.execute("UPDATE facts SET name = 'feedback_up_to' WHERE name = 'teachings_up_to'")


@migrations()
def m060_films(db: Database) -> None:
    """What was seen in the frames of videos, and what those frames look like."""
    db.conn.execute(
        """CREATE TABLE films (
            photo_id INTEGER PRIMARY KEY REFERENCES photos(id),
            sha256 TEXT,
            film TEXT NOT NULL CHECK (json_valid(film)),
            seconds REAL NOT NULL,
            has_sound INTEGER NOT NULL,
            alike TEXT NOT NULL CHECK (json_valid(alike)),
            at TEXT NOT NULL
        ) STRICT"""
    )


@migrations()
def m057_mixed_people(db: Database) -> None:
    """Which faces of a person are of one and which of another, whether enough were looked at, and the report.

    Galleries from before were not looked at: smartsort does that while idle.
    """
    db.conn.execute("ALTER TABLE galleries ADD COLUMN examined INTEGER NOT NULL DEFAULT 0")
    db.conn.execute(
        "ALTER TABLE galleries ADD COLUMN groups TEXT CHECK (groups IS NULL OR json_valid(groups))"
    )
    db.conn.execute("ALTER TABLE galleries ADD COLUMN reported_at TEXT")


@migrations()
def m059_face_marks(db: Database) -> None:
    """What humans said of faces for good, by their place on our photo and by what they look like."""
    db.conn.execute(
        """CREATE TABLE face_marks (
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            key TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('ignored', 'not_a_face', 'locked')),
            x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL,
            person_id TEXT, person_name TEXT,
            at TEXT NOT NULL,
            model TEXT, vector BLOB,
            PRIMARY KEY (photo_id, x1, y1, x2, y2)
        ) STRICT"""
    )
    db.conn.execute("CREATE INDEX idx_face_marks_key ON face_marks(key)")


@migrations()
def m055_deletions(db: Database) -> None:
    """Photos that a user has deleted in Immich (smartsort.ledger.deletions)."""
    db.conn.execute(
        """CREATE TABLE deletions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            photo_id INTEGER NOT NULL UNIQUE REFERENCES photos(id),
            asset_id TEXT NOT NULL,
            path ANY NOT NULL,
            answer TEXT NOT NULL CHECK (answer IN ('new', 'held', 'done')),
            at TEXT NOT NULL
        ) STRICT"""
    )


@migrations()
def m062_templates(db: Database) -> None:
    """The camera of a photo, for folders named after it, and which photos are filed under a person.

    NULL: nobody has read it. "" stands for a file that names none.
    """
    db.conn.execute("ALTER TABLE photos ADD COLUMN camera TEXT")
    db.conn.execute("CREATE INDEX idx_names_person ON names(person_id, photo_id) WHERE person_id IS NOT NULL")


@migrations()
def m063_adopted_folders(db: Database) -> None:
    """Photos from folders that a user had sorted, and rows of an older `downloads` that came along."""
    db.conn.execute(
        """CREATE TABLE adopted (
            path ANY PRIMARY KEY,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            run INTEGER NOT NULL,
            said TEXT CHECK (said IS NULL OR json_valid(said))
        ) STRICT"""
    )
    db.conn.execute("CREATE INDEX idx_adopted_photo ON adopted(photo_id)")
    db.conn.execute("CREATE INDEX idx_adopted_run ON adopted(run)")
    db.conn.execute(
        "CREATE TABLE adopted_downloads (download_id INTEGER PRIMARY KEY, run INTEGER NOT NULL) STRICT"
    )


@migrations()
def m064_observed(db: Database) -> None:
    """Photos that were in Immich before smartsort: who is on them, and what smartsort would do."""
    # SQLite cannot change a CHECK, and other tables refer to `photos`. Nothing that is stored changes, so
    # the text of the schema may: a million photos cost as much as none.
    execute = db.conn.execute
    execute("PRAGMA writable_schema = ON")
    for table, old, new in (
        ("photos", "'purged')", "'purged', 'observed')"),
        ("photos", "'rebuild')", "'rebuild', 'immich')"),
        ("names", "'trash')", "'trash', 'original')"),
    ):
        execute(
            "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = ?",
            (old, new, table),
        )
    version = execute("PRAGMA schema_version").fetchone()[0]
    execute(f"PRAGMA schema_version = {version + 1}")
    execute("PRAGMA writable_schema = RESET")
    execute(
        """CREATE TABLE observed (
            photo_id INTEGER PRIMARY KEY REFERENCES photos(id),
            people TEXT NOT NULL CHECK (json_valid(people)),
            due INTEGER NOT NULL DEFAULT 1,
            fate TEXT CHECK (fate IN ('link', 'ask', 'leave')),
            folders TEXT CHECK (folders IS NULL OR json_valid(folders))
        ) STRICT"""
    )
    execute("CREATE INDEX idx_observed_due ON observed(photo_id) WHERE due > 0")
    execute("CREATE INDEX idx_observed_fate ON observed(fate, photo_id)")
    execute(
        """CREATE TABLE observed_people (
            person_id TEXT NOT NULL,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            PRIMARY KEY (person_id, photo_id)
        ) STRICT, WITHOUT ROWID"""
    )
    execute("CREATE INDEX idx_observed_people_photo ON observed_people(photo_id)")


@migrations()
def m067_fresh_links(db: Database) -> None:
    """Which photos of Immich were judged since anything was done about them."""
    db.conn.execute("ALTER TABLE observed ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0")
    db.conn.execute("CREATE INDEX idx_observed_fresh ON observed(photo_id) WHERE fresh = 1")


@migrations()
def m061_grouping_marks(db: Database) -> None:
    """Which faces are one person and which are not: a face may have several of these marks."""
    execute = db.conn.execute
    execute("ALTER TABLE face_marks RENAME TO face_marks_before")
    execute(
        """CREATE TABLE face_marks (
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            key TEXT NOT NULL,
            kind TEXT NOT NULL
                CHECK (kind IN ('ignored', 'not_a_face', 'locked', 'same', 'apart', 'rest')),
            x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL,
            person_id TEXT, person_name TEXT,
            at TEXT NOT NULL,
            model TEXT, vector BLOB,
            PRIMARY KEY (photo_id, x1, y1, x2, y2, key)
        ) STRICT"""
    )
    columns = "photo_id, key, kind, x1, y1, x2, y2, person_id, person_name, at, model, vector"
    execute(f"INSERT INTO face_marks ({columns}) SELECT {columns} FROM face_marks_before")  # noqa: S608
    execute("DROP TABLE face_marks_before")
    execute("CREATE INDEX idx_face_marks_key ON face_marks(key)")


@migrations()
def m069_shown_plans(db: Database) -> None:
    """When each photo of Immich was last judged otherwise. Folders have the person whose they are."""
    db.conn.execute("ALTER TABLE observed ADD COLUMN judged INTEGER NOT NULL DEFAULT 0")
    db.conn.execute("UPDATE observed SET folders = NULL, due = max(due, 2) WHERE folders IS NOT NULL")


@migrations()
def m070_key_presses(db: Database) -> None:
    """How many keys a human pressed for a decision, where its client says so."""
    db.conn.execute(
        """CREATE TABLE key_presses (
            event_id INTEGER PRIMARY KEY REFERENCES events(id),
            keys INTEGER NOT NULL CHECK (keys > 0)
        ) STRICT"""
    )
