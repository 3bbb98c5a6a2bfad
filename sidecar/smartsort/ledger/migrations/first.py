"""The schema of the first releases: m001 to m041."""

from __future__ import annotations

from sqlite_utils import Database

from smartsort.ledger.migrations.registry import migrations


@migrations()
def m001_source_document(db: Database) -> None:
    """`downloads` may exist already, with more columns than we know. Nothing of it is changed or lost."""
    execute = db.conn.execute
    execute(
        """CREATE TABLE IF NOT EXISTS downloads (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            file_path TEXT, filename TEXT, file_hash TEXT, source TEXT, download_date TEXT)"""
    )
    columns = {row[1] for row in execute("PRAGMA table_info(downloads)")}
    for name, definition in {
        "file_path": "TEXT",
        "filename": "TEXT",
        "file_hash": "TEXT",
        "source": "TEXT",
        "download_date": "TEXT",
        "person_name": "TEXT",
        "auto_sorted": "INTEGER DEFAULT 0",
        "photo_id": "INTEGER",
    }.items():
        if name not in columns:
            execute(f"ALTER TABLE downloads ADD COLUMN {name} {definition}")
    execute("CREATE INDEX IF NOT EXISTS idx_downloads_person ON downloads(person_name)")
    execute("CREATE INDEX IF NOT EXISTS idx_downloads_auto_sorted ON downloads(auto_sorted)")
    execute("CREATE INDEX IF NOT EXISTS idx_downloads_file_hash ON downloads(file_hash)")
    execute("CREATE INDEX IF NOT EXISTS idx_downloads_photo ON downloads(photo_id)")
    execute(
        """CREATE TABLE IF NOT EXISTS review_queue (
            id INTEGER PRIMARY KEY AUTOINCREMENT, file_path TEXT NOT NULL, category TEXT NOT NULL,
            file_hash TEXT, reason TEXT, faces_detected INTEGER DEFAULT 0, suggested_person TEXT,
            created_at TEXT, reviewed_at TEXT, reviewed_by TEXT, action TEXT)"""
    )
    columns = {row[1] for row in execute("PRAGMA table_info(review_queue)")}
    if "photo_id" not in columns:
        execute("ALTER TABLE review_queue ADD COLUMN photo_id INTEGER")
    execute("CREATE INDEX IF NOT EXISTS idx_review_category ON review_queue(category)")
    execute("CREATE INDEX IF NOT EXISTS idx_review_action ON review_queue(action)")
    execute("CREATE INDEX IF NOT EXISTS idx_review_pending ON review_queue(action, category, id)")
    execute("CREATE INDEX IF NOT EXISTS idx_review_photo ON review_queue(photo_id)")


@migrations()
def m002_photos(db: Database) -> None:
    """One row per photo ever accepted. Every name it has on disk. Why it is where it is."""
    execute = db.conn.execute
    # ANY: text where a name is UTF-8, else its bytes (smartsort.files.shown.to_ledger).
    execute(
        """CREATE TABLE photos (
            id INTEGER PRIMARY KEY,
            state TEXT NOT NULL CHECK (state IN ('arrived', 'claimed', 'hashed', 'unique', 'placed', 'known',
                'filed', 'review', 'skipped', 'rejected', 'purged')),
            source TEXT NOT NULL,
            origin TEXT NOT NULL CHECK (origin IN ('inbox', 'add', 'upload', 'url', 'rebuild')),
            original_name ANY NOT NULL,
            origin_path ANY,
            origin_url TEXT,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            media_kind TEXT, media_type TEXT, extension TEXT, width INTEGER, height INTEGER, taken_at TEXT,
            sha256 TEXT, sha1 TEXT,
            shard INTEGER,
            asset_id TEXT,
            category TEXT, person_id TEXT, person_name TEXT,
            auto_sorted INTEGER NOT NULL DEFAULT 0,
            faces_detected INTEGER NOT NULL DEFAULT 0,
            duplicate_of INTEGER REFERENCES photos(id),
            retries INTEGER NOT NULL DEFAULT 0,
            detection_asked_at TEXT,
            problem TEXT,
            arrived_at TEXT NOT NULL, placed_at TEXT, known_at TEXT, recognised_at TEXT, routed_at TEXT
        ) STRICT"""
    )
    execute("CREATE INDEX idx_photos_state ON photos(state, id)")
    execute("CREATE INDEX idx_photos_sha256 ON photos(sha256) WHERE sha256 IS NOT NULL")
    execute("CREATE INDEX idx_photos_asset ON photos(asset_id) WHERE asset_id IS NOT NULL")
    execute("CREATE INDEX idx_photos_routed ON photos(routed_at) WHERE routed_at IS NOT NULL")
    execute(
        """CREATE TABLE names (
            id INTEGER PRIMARY KEY,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            area TEXT NOT NULL CHECK (area IN ('temp', 'library', 'faces', 'review', 'trash')),
            path ANY NOT NULL,
            member TEXT NOT NULL DEFAULT 'photo' CHECK (member IN ('photo', 'xmp', 'raw', 'video')),
            method TEXT NOT NULL DEFAULT 'hardlink',
            person_id TEXT,
            size INTEGER, mtime_ns INTEGER, sha256 TEXT,
            UNIQUE (area, path)
        ) STRICT"""
    )
    execute("CREATE INDEX idx_names_photo ON names(photo_id)")
    execute(
        """CREATE TABLE decisions (
            id INTEGER PRIMARY KEY,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            at TEXT NOT NULL,
            outcome TEXT NOT NULL,
            category TEXT,
            policy_version TEXT NOT NULL,
            reasons TEXT NOT NULL CHECK (json_valid(reasons)),
            evidence TEXT NOT NULL CHECK (json_valid(evidence))
        ) STRICT"""
    )
    execute("CREATE INDEX idx_decisions_photo ON decisions(photo_id, id)")


@migrations()
def m003_history(db: Database) -> None:
    """What happened, in order and unchangeable. What is about to happen. What Immich still has to hear."""
    execute = db.conn.execute
    execute(
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            kind TEXT NOT NULL,
            photo_id INTEGER REFERENCES photos(id),
            data TEXT NOT NULL CHECK (json_valid(data)),
            undoes INTEGER REFERENCES events(id),
            digest TEXT NOT NULL
        ) STRICT"""
    )
    execute("CREATE INDEX idx_events_photo ON events(photo_id, id)")
    execute("CREATE INDEX idx_events_kind ON events(kind, id)")
    execute("CREATE INDEX idx_events_undoes ON events(undoes) WHERE undoes IS NOT NULL")
    for verb in ("UPDATE", "DELETE"):
        execute(
            f"""CREATE TRIGGER events_no_{verb.lower()} BEFORE {verb} ON events
                BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"""
        )
    execute(
        """CREATE TABLE intents (
            id INTEGER PRIMARY KEY,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            act TEXT NOT NULL,
            data TEXT NOT NULL CHECK (json_valid(data)),
            at TEXT NOT NULL
        ) STRICT"""
    )
    execute("CREATE INDEX idx_intents_photo ON intents(photo_id)")
    execute(
        """CREATE TABLE outbox (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            photo_id INTEGER REFERENCES photos(id),
            data TEXT NOT NULL CHECK (json_valid(data)),
            attempts INTEGER NOT NULL DEFAULT 0,
            not_before TEXT NOT NULL,
            problem TEXT
        ) STRICT"""
    )
    execute("CREATE INDEX idx_outbox_due ON outbox(not_before, id)")
    execute(
        """CREATE TABLE shards (
            number INTEGER PRIMARY KEY,
            library_id TEXT,
            photos INTEGER NOT NULL DEFAULT 0
        ) STRICT"""
    )
    execute(
        "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL CHECK (json_valid(value))) STRICT"
    )


@migrations()
def m004_actions(db: Database) -> None:
    """What humans did: skipped, rejected, said "not this person". What Immich was told about a photo."""
    execute = db.conn.execute
    execute("ALTER TABLE photos ADD COLUMN trashed_at TEXT")
    execute(
        "CREATE INDEX idx_photos_trashed ON photos(coalesce(trashed_at, routed_at), id)"
        " WHERE state IN ('rejected', 'skipped')"
    )
    execute("ALTER TABLE review_queue ADD COLUMN deferred_at TEXT")
    for name, columns in {"idx_review_newest": "id", "idx_review_newest_of": "category, id"}.items():
        execute(
            f"CREATE INDEX {name} ON review_queue({columns}) WHERE action = 'pending' AND deferred_at IS NULL"
        )
    execute(
        "CREATE INDEX idx_review_counts ON review_queue(category)"
        " WHERE action = 'pending' AND photo_id IS NOT NULL"
    )
    execute(
        "CREATE INDEX idx_review_deferred ON review_queue(deferred_at, id)"
        " WHERE action = 'pending' AND deferred_at IS NOT NULL"
    )
    execute(
        """CREATE TABLE told (
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            kind TEXT NOT NULL CHECK (kind IN ('album', 'visibility')),
            value TEXT NOT NULL,
            PRIMARY KEY (photo_id, kind, value)
        ) STRICT, WITHOUT ROWID"""
    )
    execute(
        """CREATE TABLE denials (
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            person_id TEXT NOT NULL,
            person_name TEXT NOT NULL,
            PRIMARY KEY (photo_id, person_id)
        ) STRICT, WITHOUT ROWID"""
    )
    execute(
        "CREATE INDEX idx_events_group ON events(json_extract(data, '$.group'), id)"
        " WHERE json_extract(data, '$.group') IS NOT NULL"
    )
    execute(
        "CREATE INDEX idx_events_act ON events(json_extract(data, '$.act'))"
        " WHERE json_extract(data, '$.act') IS NOT NULL"
    )
    execute("CREATE INDEX idx_events_at ON events(at)")
    execute("CREATE INDEX idx_outbox_photo ON outbox(photo_id, id)")


@migrations()
def m010_items(db: Database) -> None:
    """What was handed in over HTTP: downloads under way, uploads, and the photos they became."""
    execute = db.conn.execute
    execute(
        """CREATE TABLE items (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL CHECK (state IN ('downloading', 'received', 'accepted', 'failed')),
            source TEXT NOT NULL,
            url TEXT,
            host TEXT NOT NULL DEFAULT '',
            name ANY,
            part ANY,
            resume TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(resume)),
            attempts INTEGER NOT NULL DEFAULT 0,
            spent_seconds REAL NOT NULL DEFAULT 0,
            not_before TEXT NOT NULL,
            problem TEXT,
            photo_id INTEGER,
            parent TEXT,
            created_at TEXT NOT NULL,
            finished_at TEXT
        ) STRICT"""
    )
    execute("CREATE INDEX idx_items_open ON items(host, number) WHERE state IN ('downloading', 'received')")
    execute("CREATE INDEX idx_items_due ON items(not_before) WHERE state IN ('downloading', 'received')")
    execute("CREATE INDEX idx_items_state ON items(state, number)")
    execute("CREATE INDEX idx_items_photo ON items(photo_id) WHERE photo_id IS NOT NULL")
    execute("CREATE INDEX idx_photos_handed_in ON photos(origin_path) WHERE origin IN ('url', 'upload')")
    execute(
        """CREATE TABLE idempotency (
            actor TEXT NOT NULL,
            key TEXT NOT NULL,
            digest TEXT NOT NULL,
            items TEXT NOT NULL CHECK (json_valid(items)),
            at TEXT NOT NULL,
            PRIMARY KEY (actor, key)
        ) STRICT"""
    )


@migrations()
def m020_daily_totals(db: Database) -> None:
    """Totals by day (smartsort.ledger.statistics), and indexes for counting the queue and filed photos."""
    execute = db.conn.execute
    execute(
        """CREATE TABLE daily_totals (
            day TEXT NOT NULL,
            what TEXT NOT NULL,
            name TEXT NOT NULL,
            photos INTEGER NOT NULL,
            PRIMARY KEY (day, what, name)
        ) STRICT, WITHOUT ROWID"""
    )
    # With the columns of their own conditions: else SQLite does not see that they cover the query.
    execute(
        "CREATE INDEX idx_review_waiting ON review_queue(action, created_at, category, photo_id)"
        " WHERE action = 'pending'"
    )
    execute("CREATE INDEX idx_photos_filed ON photos(state, person_id) WHERE state = 'filed'")


@migrations()
def m020_judgement(db: Database) -> None:
    """Faces as vectors, what people look like, what humans said is not so, what pictures look like."""
    execute = db.conn.execute
    execute(
        """CREATE TABLE embeddings (
            face_id TEXT NOT NULL,
            model TEXT NOT NULL,
            asset_id TEXT NOT NULL,
            vector BLOB NOT NULL,
            person_id TEXT,
            said_by INTEGER,
            at TEXT NOT NULL,
            PRIMARY KEY (face_id, model)
        ) STRICT"""
    )
    execute("CREATE INDEX idx_embeddings_asset ON embeddings(asset_id, model)")
    execute("CREATE INDEX idx_embeddings_gallery ON embeddings(person_id, model) WHERE person_id IS NOT NULL")
    execute(
        """CREATE TABLE galleries (
            person_id TEXT NOT NULL,
            model TEXT NOT NULL,
            name TEXT NOT NULL,
            refreshed_at TEXT NOT NULL,
            stale INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (person_id, model)
        ) STRICT, WITHOUT ROWID"""
    )
    execute(
        """CREATE TABLE teachings (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('not_person', 'not_same')),
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            face_id TEXT,
            person_id TEXT,
            other TEXT,
            event_id INTEGER REFERENCES events(id),
            at TEXT NOT NULL
        ) STRICT"""
    )
    execute(
        "CREATE UNIQUE INDEX idx_teachings_once ON teachings"
        "(kind, photo_id, coalesce(face_id, ''), coalesce(person_id, ''), coalesce(other, ''))"
    )
    execute("CREATE INDEX idx_teachings_face ON teachings(face_id) WHERE face_id IS NOT NULL")
    execute("CREATE INDEX idx_teachings_other ON teachings(other) WHERE other IS NOT NULL")
    execute("CREATE INDEX idx_teachings_event ON teachings(event_id) WHERE event_id IS NOT NULL")
    execute(
        """CREATE TABLE looks (
            photo_id INTEGER PRIMARY KEY REFERENCES photos(id),
            hash BLOB
        ) STRICT"""
    )


@migrations()
def m030_look_parts(db: Database) -> None:
    """The index near-duplicates are found by, filled for the pictures that are hashed already."""
    db.conn.execute(
        """CREATE TABLE look_parts (
            part INTEGER NOT NULL,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            PRIMARY KEY (part, photo_id)
        ) STRICT, WITHOUT ROWID"""
    )

    def parts(value: int) -> list[int]:
        bits = f"{value:0256b}"
        return [part << 32 | int(bits[part::8], 2) for part in range(8)]

    rows = db.conn.execute("SELECT photo_id, hash FROM looks WHERE hash IS NOT NULL").fetchall()
    db.conn.executemany(
        "INSERT INTO look_parts (part, photo_id) VALUES (?, ?)",
        ((part, photo_id) for photo_id, value in rows for part in parts(int.from_bytes(value, "big"))),
    )


@migrations()
def m040_spot_checks(db: Database) -> None:
    """Automatic filings that are offered for a check (smartsort.ledger.spot_checks)."""
    execute = db.conn.execute
    execute(
        """CREATE TABLE spot_checks (
            event_id INTEGER PRIMARY KEY REFERENCES events(id),
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            filed_at TEXT NOT NULL,
            verdict TEXT CHECK (verdict IN ('right', 'wrong', 'gone'))
        ) STRICT"""
    )
    execute("CREATE INDEX idx_spot_checks_photo ON spot_checks(photo_id, event_id)")
    execute("CREATE INDEX idx_spot_checks_open ON spot_checks(event_id) WHERE verdict IS NULL")
    execute("CREATE INDEX idx_spot_checks_filed ON spot_checks(filed_at, verdict)")


@migrations()
def m041_policies(db: Database) -> None:
    """The settings decisions rest on, by version: with the evidence they are all that a decision looks at."""
    db.conn.execute(
        """CREATE TABLE policies (
            version TEXT PRIMARY KEY,
            policy TEXT NOT NULL CHECK (json_valid(policy)),
            at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID"""
    )
