BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'smartsort','m001_source_document','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'smartsort','m002_photos','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'smartsort','m003_history','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'smartsort','m004_actions','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'smartsort','m010_items','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'smartsort','m020_daily_totals','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'smartsort','m020_judgement','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'smartsort','m030_look_parts','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(9,'smartsort','m040_spot_checks','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(10,'smartsort','m041_policies','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(11,'smartsort','m051_companions','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(12,'smartsort','m052_running_time','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(13,'smartsort','m053_dates_of_faces','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(14,'smartsort','m054_names','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(15,'smartsort','m060_films','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(16,'smartsort','m057_mixed_people','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(17,'smartsort','m059_face_marks','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(18,'smartsort','m055_deletions','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(19,'smartsort','m062_templates','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(20,'smartsort','m063_adopted_folders','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(21,'smartsort','m064_observed','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(22,'smartsort','m067_fresh_links','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(23,'smartsort','m061_grouping_marks','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(24,'smartsort','m069_shown_plans','2026-01-02T03:04:05.000+00:00');
INSERT INTO "_sqlite_migrations" VALUES(25,'smartsort','m070_key_presses','2026-01-02T03:04:05.000+00:00');
CREATE TABLE adopted (
            path ANY PRIMARY KEY,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            run INTEGER NOT NULL,
            said TEXT CHECK (said IS NULL OR json_valid(said))
        ) STRICT;
INSERT INTO "adopted" VALUES(X'2F6F6C642F616E6E612F636166E92E6A7067',7,1,NULL);
CREATE TABLE adopted_downloads (download_id INTEGER PRIMARY KEY, run INTEGER NOT NULL) STRICT;
INSERT INTO "adopted_downloads" VALUES(1,1);
CREATE TABLE daily_totals (
            day TEXT NOT NULL,
            what TEXT NOT NULL,
            name TEXT NOT NULL,
            photos INTEGER NOT NULL,
            PRIMARY KEY (day, what, name)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "daily_totals" VALUES('2026-01-02','sorted','',1);
CREATE TABLE decisions (
            id INTEGER PRIMARY KEY,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            at TEXT NOT NULL,
            outcome TEXT NOT NULL,
            category TEXT,
            policy_version TEXT NOT NULL,
            reasons TEXT NOT NULL CHECK (json_valid(reasons)),
            evidence TEXT NOT NULL CHECK (json_valid(evidence))
        ) STRICT;
INSERT INTO "decisions" VALUES(1,8,'2026-01-02T03:04:05.000+00:00','reviewed','duplicates','v','[{"code": "duplicate"}]','{}');
CREATE TABLE deletions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            photo_id INTEGER NOT NULL UNIQUE REFERENCES photos(id),
            asset_id TEXT NOT NULL,
            path ANY NOT NULL,
            answer TEXT NOT NULL CHECK (answer IN ('new', 'held', 'done')),
            at TEXT NOT NULL
        ) STRICT;
INSERT INTO "deletions" VALUES(1,7,'a','shard-0001/aa/filed.jpg','held','2026-01-02T03:04:05.000+00:00');
CREATE TABLE downloads (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            file_path TEXT, filename TEXT, file_hash TEXT, source TEXT, download_date TEXT, person_name TEXT, auto_sorted INTEGER DEFAULT 0, photo_id INTEGER);
INSERT INTO "downloads" VALUES(1,'/old/x.jpg','x.jpg','abababababababababababababababababababababababababababababababab','web',NULL,NULL,0,NULL);
CREATE TABLE embeddings (
            face_id TEXT NOT NULL,
            model TEXT NOT NULL,
            asset_id TEXT NOT NULL,
            vector BLOB NOT NULL,
            person_id TEXT,
            said_by INTEGER,
            at TEXT NOT NULL, taken TEXT,
            PRIMARY KEY (face_id, model)
        ) STRICT;
INSERT INTO "embeddings" VALUES('f','m','a',X'0001',NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL);
CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            kind TEXT NOT NULL,
            photo_id INTEGER REFERENCES photos(id),
            data TEXT NOT NULL CHECK (json_valid(data)),
            undoes INTEGER REFERENCES events(id),
            digest TEXT NOT NULL
        ) STRICT;
INSERT INTO "events" VALUES(1,'2026-01-02T03:04:05.000+00:00','eva','rejected',10,'{}',NULL,'0000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE face_marks (
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            key TEXT NOT NULL,
            kind TEXT NOT NULL
                CHECK (kind IN ('ignored', 'not_a_face', 'locked', 'same', 'apart', 'rest')),
            x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL,
            person_id TEXT, person_name TEXT,
            at TEXT NOT NULL,
            model TEXT, vector BLOB,
            PRIMARY KEY (photo_id, x1, y1, x2, y2, key)
        ) STRICT;
INSERT INTO "face_marks" VALUES(8,'k','ignored',0.1,0.1,0.2,0.2,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL,NULL);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL CHECK (json_valid(value))) STRICT;
INSERT INTO "facts" VALUES('root_id','"0123"');
CREATE TABLE "feedback" (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('not_person', 'not_same')),
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            face_id TEXT,
            person_id TEXT,
            other TEXT,
            event_id INTEGER REFERENCES events(id),
            at TEXT NOT NULL
        ) STRICT;
INSERT INTO "feedback" VALUES(1,'not_person',8,'f','p',NULL,NULL,'2026-01-02T03:04:05.000+00:00');
CREATE TABLE films (
            photo_id INTEGER PRIMARY KEY REFERENCES photos(id),
            sha256 TEXT,
            film TEXT NOT NULL CHECK (json_valid(film)),
            seconds REAL NOT NULL,
            has_sound INTEGER NOT NULL,
            alike TEXT NOT NULL CHECK (json_valid(alike)),
            at TEXT NOT NULL
        ) STRICT;
INSERT INTO "films" VALUES(8,'0000000000000000000000000000000000000000000000000000000000000008','{"unknown": "x"}',2.5,1,'[7]','2026-01-02T03:04:05.000+00:00');
CREATE TABLE galleries (
            person_id TEXT NOT NULL,
            model TEXT NOT NULL,
            name TEXT NOT NULL,
            refreshed_at TEXT NOT NULL,
            stale INTEGER NOT NULL DEFAULT 0, examined INTEGER NOT NULL DEFAULT 0, groups TEXT CHECK (groups IS NULL OR json_valid(groups)), reported_at TEXT,
            PRIMARY KEY (person_id, model)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "galleries" VALUES('p','m','Anna','2026-01-02T03:04:05.000+00:00',0,0,NULL,NULL);
CREATE TABLE idempotency (
            actor TEXT NOT NULL,
            key TEXT NOT NULL,
            digest TEXT NOT NULL,
            items TEXT NOT NULL CHECK (json_valid(items)),
            at TEXT NOT NULL,
            PRIMARY KEY (actor, key)
        ) STRICT;
INSERT INTO "idempotency" VALUES('eva','k','d','[]','2026-01-02T03:04:05.000+00:00');
CREATE TABLE intents (
            id INTEGER PRIMARY KEY,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            act TEXT NOT NULL,
            data TEXT NOT NULL CHECK (json_valid(data)),
            at TEXT NOT NULL
        ) STRICT;
INSERT INTO "intents" VALUES(1,2,'claim','{"origins": []}','2026-01-02T03:04:05.000+00:00');
CREATE TABLE key_presses (
            event_id INTEGER PRIMARY KEY REFERENCES events(id),
            keys INTEGER NOT NULL CHECK (keys > 0)
        ) STRICT;
INSERT INTO "key_presses" VALUES(1,3);
CREATE TABLE names (
            id INTEGER PRIMARY KEY,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            area TEXT NOT NULL CHECK (area IN ('temp', 'library', 'faces', 'review', 'trash', 'original')),
            path ANY NOT NULL,
            member TEXT NOT NULL DEFAULT 'photo' CHECK (member IN (
                'photo', 'raw', 'video', 'xmp', 'json', 'info', 'pp3', 'dop', 'zone', 'md5', 'sha1', 'sha256',
                'sha512', 'sfv', 'crc32', 'txt', 'aae', 'on1', 'srt', 'vtt', 'description', 'nfo', 'url',
                'webloc', 'thm')),
            method TEXT NOT NULL DEFAULT 'hardlink',
            person_id TEXT,
            size INTEGER, mtime_ns INTEGER, sha256 TEXT,
            UNIQUE (area, path)
        ) STRICT;
INSERT INTO "names" VALUES(1,7,'library','shard-0001/aa/filed.jpg','photo','hardlink',NULL,107,1000000000000000007,NULL);
INSERT INTO "names" VALUES(2,7,'faces','anna/filed.jpg','photo','hardlink',NULL,107,1000000000000000007,NULL);
INSERT INTO "names" VALUES(3,7,'faces','anna/filed.MOV','video','hardlink',NULL,5,1,NULL);
INSERT INTO "names" VALUES(4,8,'review',X'6475706C6963617465732F636166E92E6A7067','photo','hardlink',NULL,108,1000000000000000008,NULL);
INSERT INTO "names" VALUES(5,8,'review','duplicates/cafe.jpg.xmp','xmp','hardlink',NULL,6,2,NULL);
INSERT INTO "names" VALUES(6,10,'trash','2026-01/rejected.jpg','photo','hardlink',NULL,110,1000000000000000010,NULL);
INSERT INTO "names" VALUES(7,10,'trash','2026-01/rejected.dng','raw','hardlink',NULL,7,3,NULL);
CREATE TABLE observed (
            photo_id INTEGER PRIMARY KEY REFERENCES photos(id),
            people TEXT NOT NULL CHECK (json_valid(people)),
            due INTEGER NOT NULL DEFAULT 1,
            fate TEXT CHECK (fate IN ('link', 'ask', 'leave')),
            folders TEXT CHECK (folders IS NULL OR json_valid(folders))
        , fresh INTEGER NOT NULL DEFAULT 0, judged INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "observed" VALUES(7,'[["p","Anna"]]',1,NULL,NULL,0,0);
CREATE TABLE observed_people (
            person_id TEXT NOT NULL,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            PRIMARY KEY (person_id, photo_id)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "observed_people" VALUES('p',7);
CREATE TABLE outbox (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            photo_id INTEGER REFERENCES photos(id),
            data TEXT NOT NULL CHECK (json_valid(data)),
            attempts INTEGER NOT NULL DEFAULT 0,
            not_before TEXT NOT NULL,
            problem TEXT
        ) STRICT;
INSERT INTO "outbox" VALUES(1,'scan',NULL,'{"shard": 1}',0,'2026-01-02T03:04:05.000+00:00',NULL);
CREATE TABLE photos (
            id INTEGER PRIMARY KEY,
            state TEXT NOT NULL CHECK (state IN ('arrived', 'claimed', 'hashed', 'unique', 'placed', 'known',
                'filed', 'review', 'skipped', 'rejected', 'purged', 'observed')),
            source TEXT NOT NULL,
            origin TEXT NOT NULL CHECK (origin IN ('inbox', 'add', 'upload', 'url', 'rebuild', 'immich')),
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
        , trashed_at TEXT, trashed_ran REAL, camera TEXT) STRICT;
INSERT INTO "photos" VALUES(1,'arrived','phone','inbox','arrived.jpg',NULL,NULL,101,1000000000000000001,NULL,NULL,NULL,NULL,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000001',NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "photos" VALUES(2,'claimed','phone','inbox','claimed.jpg',NULL,NULL,102,1000000000000000002,NULL,NULL,NULL,NULL,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000002',NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "photos" VALUES(3,'hashed','phone','inbox','hashed.jpg',NULL,NULL,103,1000000000000000003,NULL,NULL,NULL,NULL,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000003',NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "photos" VALUES(4,'unique','phone','inbox','unique.jpg',NULL,NULL,104,1000000000000000004,NULL,NULL,NULL,NULL,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000004',NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "photos" VALUES(5,'placed','phone','inbox','placed.jpg',NULL,NULL,105,1000000000000000005,NULL,NULL,NULL,NULL,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000005',NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "photos" VALUES(6,'known','phone','inbox','known.jpg',NULL,NULL,106,1000000000000000006,NULL,NULL,NULL,NULL,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000006',NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "photos" VALUES(7,'filed','phone','inbox','filed.jpg',NULL,NULL,107,1000000000000000007,NULL,NULL,NULL,NULL,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000007',NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "photos" VALUES(8,'review','phone','inbox','review.jpg',NULL,NULL,108,1000000000000000008,NULL,NULL,NULL,NULL,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000008',NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "photos" VALUES(9,'skipped','phone','inbox','skipped.jpg',NULL,NULL,109,1000000000000000009,NULL,NULL,NULL,NULL,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000009',NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "photos" VALUES(10,'rejected','phone','inbox','rejected.jpg',NULL,NULL,110,1000000000000000010,NULL,NULL,NULL,NULL,NULL,NULL,'000000000000000000000000000000000000000000000000000000000000000a',NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "photos" VALUES(11,'purged','phone','inbox','purged.jpg',NULL,NULL,111,1000000000000000011,NULL,NULL,NULL,NULL,NULL,NULL,'000000000000000000000000000000000000000000000000000000000000000b',NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE "picture_hash_parts" (
            part INTEGER NOT NULL,
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            PRIMARY KEY (part, photo_id)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "picture_hash_parts" VALUES(0,7);
INSERT INTO "picture_hash_parts" VALUES(4294967296,7);
INSERT INTO "picture_hash_parts" VALUES(8589934592,7);
INSERT INTO "picture_hash_parts" VALUES(12884967423,7);
INSERT INTO "picture_hash_parts" VALUES(17196581119,7);
INSERT INTO "picture_hash_parts" VALUES(21727481615,7);
INSERT INTO "picture_hash_parts" VALUES(26628797235,7);
INSERT INTO "picture_hash_parts" VALUES(31496426837,7);
CREATE TABLE "picture_hashes" (
            photo_id INTEGER PRIMARY KEY REFERENCES photos(id),
            hash BLOB
        ) STRICT;
INSERT INTO "picture_hashes" VALUES(7,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F');
INSERT INTO "picture_hashes" VALUES(8,NULL);
CREATE TABLE policies (
            version TEXT PRIMARY KEY,
            policy TEXT NOT NULL CHECK (json_valid(policy)),
            at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
INSERT INTO "policies" VALUES('v','{}','2026-01-02T03:04:05.000+00:00');
CREATE TABLE review_queue (
            id INTEGER PRIMARY KEY AUTOINCREMENT, file_path TEXT NOT NULL, category TEXT NOT NULL,
            file_hash TEXT, reason TEXT, faces_detected INTEGER DEFAULT 0, suggested_person TEXT,
            created_at TEXT, reviewed_at TEXT, reviewed_by TEXT, action TEXT, photo_id INTEGER, deferred_at TEXT);
INSERT INTO "review_queue" VALUES(1,'/r/y.jpg','duplicates',NULL,'?',0,NULL,NULL,NULL,NULL,'pending',NULL,NULL);
CREATE TABLE "ruled_out" (
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            person_id TEXT NOT NULL,
            person_name TEXT NOT NULL,
            PRIMARY KEY (photo_id, person_id)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "ruled_out" VALUES(8,'p','Anna');
CREATE TABLE shards (
            number INTEGER PRIMARY KEY,
            library_id TEXT,
            photos INTEGER NOT NULL DEFAULT 0
        ) STRICT;
INSERT INTO "shards" VALUES(1,'library-1',1);
CREATE TABLE spot_checks (
            event_id INTEGER PRIMARY KEY REFERENCES events(id),
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            filed_at TEXT NOT NULL,
            verdict TEXT CHECK (verdict IN ('right', 'wrong', 'gone'))
        ) STRICT;
INSERT INTO "spot_checks" VALUES(1,7,'2026-01-02T03:04:05.000+00:00',NULL);
CREATE TABLE "submissions" (
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
        ) STRICT;
INSERT INTO "submissions" VALUES(1,'i1','accepted','web',NULL,'',NULL,NULL,'{}',0,0.0,'2026-01-02T03:04:05.000+00:00',NULL,NULL,NULL,'2026-01-02T03:04:05.000+00:00',NULL);
CREATE TABLE takeout (
            photo_id INTEGER PRIMARY KEY REFERENCES photos(id),
            people TEXT NOT NULL CHECK (json_valid(people)),
            taken_at TEXT
        ) STRICT;
INSERT INTO "takeout" VALUES(7,'["Anna"]','2026-01-02T03:04:05.000+00:00');
CREATE TABLE told (
            photo_id INTEGER NOT NULL REFERENCES photos(id),
            kind TEXT NOT NULL CHECK (kind IN ('album', 'visibility')),
            value TEXT NOT NULL,
            PRIMARY KEY (photo_id, kind, value)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "told" VALUES(7,'album','Anna');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX idx_downloads_person ON downloads(person_name);
CREATE INDEX idx_downloads_auto_sorted ON downloads(auto_sorted);
CREATE INDEX idx_downloads_file_hash ON downloads(file_hash);
CREATE INDEX idx_downloads_photo ON downloads(photo_id);
CREATE INDEX idx_review_category ON review_queue(category);
CREATE INDEX idx_review_action ON review_queue(action);
CREATE INDEX idx_review_pending ON review_queue(action, category, id);
CREATE INDEX idx_review_photo ON review_queue(photo_id);
CREATE INDEX idx_photos_state ON photos(state, id);
CREATE INDEX idx_photos_sha256 ON photos(sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX idx_photos_asset ON photos(asset_id) WHERE asset_id IS NOT NULL;
CREATE INDEX idx_photos_routed ON photos(routed_at) WHERE routed_at IS NOT NULL;
CREATE INDEX idx_decisions_photo ON decisions(photo_id, id);
CREATE INDEX idx_events_photo ON events(photo_id, id);
CREATE INDEX idx_events_kind ON events(kind, id);
CREATE INDEX idx_events_undoes ON events(undoes) WHERE undoes IS NOT NULL;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
                BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
                BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE INDEX idx_intents_photo ON intents(photo_id);
CREATE INDEX idx_outbox_due ON outbox(not_before, id);
CREATE INDEX idx_photos_trashed ON photos(coalesce(trashed_at, routed_at), id) WHERE state IN ('rejected', 'skipped');
CREATE INDEX idx_review_newest ON review_queue(id) WHERE action = 'pending' AND deferred_at IS NULL;
CREATE INDEX idx_review_newest_of ON review_queue(category, id) WHERE action = 'pending' AND deferred_at IS NULL;
CREATE INDEX idx_review_counts ON review_queue(category) WHERE action = 'pending' AND photo_id IS NOT NULL;
CREATE INDEX idx_review_deferred ON review_queue(deferred_at, id) WHERE action = 'pending' AND deferred_at IS NOT NULL;
CREATE INDEX idx_events_group ON events(json_extract(data, '$.group'), id) WHERE json_extract(data, '$.group') IS NOT NULL;
CREATE INDEX idx_events_act ON events(json_extract(data, '$.act')) WHERE json_extract(data, '$.act') IS NOT NULL;
CREATE INDEX idx_events_at ON events(at);
CREATE INDEX idx_outbox_photo ON outbox(photo_id, id);
CREATE INDEX idx_items_open ON "submissions"(host, number) WHERE state IN ('downloading', 'received');
CREATE INDEX idx_items_due ON "submissions"(not_before) WHERE state IN ('downloading', 'received');
CREATE INDEX idx_items_state ON "submissions"(state, number);
CREATE INDEX idx_items_photo ON "submissions"(photo_id) WHERE photo_id IS NOT NULL;
CREATE INDEX idx_photos_handed_in ON photos(origin_path) WHERE origin IN ('url', 'upload');
CREATE INDEX idx_review_waiting ON review_queue(action, created_at, category, photo_id) WHERE action = 'pending';
CREATE INDEX idx_photos_filed ON photos(state, person_id) WHERE state = 'filed';
CREATE INDEX idx_embeddings_asset ON embeddings(asset_id, model);
CREATE INDEX idx_embeddings_gallery ON embeddings(person_id, model) WHERE person_id IS NOT NULL;
CREATE UNIQUE INDEX idx_teachings_once ON "feedback"(kind, photo_id, coalesce(face_id, ''), coalesce(person_id, ''), coalesce(other, ''));
CREATE INDEX idx_teachings_face ON "feedback"(face_id) WHERE face_id IS NOT NULL;
CREATE INDEX idx_teachings_other ON "feedback"(other) WHERE other IS NOT NULL;
CREATE INDEX idx_teachings_event ON "feedback"(event_id) WHERE event_id IS NOT NULL;
CREATE INDEX idx_spot_checks_photo ON spot_checks(photo_id, event_id);
CREATE INDEX idx_spot_checks_open ON spot_checks(event_id) WHERE verdict IS NULL;
CREATE INDEX idx_spot_checks_filed ON spot_checks(filed_at, verdict);
CREATE INDEX idx_names_photo ON names(photo_id);
CREATE INDEX idx_names_halves ON names(sha256) WHERE member IN ('raw', 'video') AND sha256 IS NOT NULL;
CREATE INDEX idx_photos_original_name ON photos(original_name);
CREATE INDEX idx_names_person ON names(person_id, photo_id) WHERE person_id IS NOT NULL;
CREATE INDEX idx_adopted_photo ON adopted(photo_id);
CREATE INDEX idx_adopted_run ON adopted(run);
CREATE INDEX idx_observed_due ON observed(photo_id) WHERE due > 0;
CREATE INDEX idx_observed_fate ON observed(fate, photo_id);
CREATE INDEX idx_observed_people_photo ON observed_people(photo_id);
CREATE INDEX idx_observed_fresh ON observed(photo_id) WHERE fresh = 1;
CREATE INDEX idx_face_marks_key ON face_marks(key);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('downloads',1);
INSERT INTO "sqlite_sequence" VALUES('review_queue',1);
INSERT INTO "sqlite_sequence" VALUES('events',1);
INSERT INTO "sqlite_sequence" VALUES('submissions',1);
INSERT INTO "sqlite_sequence" VALUES('deletions',1);
COMMIT;
