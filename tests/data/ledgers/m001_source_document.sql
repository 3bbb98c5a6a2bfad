BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'smartsort','m001_source_document','2026-01-02T03:04:05.000+00:00');
CREATE TABLE downloads (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            file_path TEXT, filename TEXT, file_hash TEXT, source TEXT, download_date TEXT, person_name TEXT, auto_sorted INTEGER DEFAULT 0, photo_id INTEGER);
INSERT INTO "downloads" VALUES(1,'/old/x.jpg','x.jpg','abababababababababababababababababababababababababababababababab','web',NULL,NULL,0,NULL);
CREATE TABLE review_queue (
            id INTEGER PRIMARY KEY AUTOINCREMENT, file_path TEXT NOT NULL, category TEXT NOT NULL,
            file_hash TEXT, reason TEXT, faces_detected INTEGER DEFAULT 0, suggested_person TEXT,
            created_at TEXT, reviewed_at TEXT, reviewed_by TEXT, action TEXT, photo_id INTEGER);
INSERT INTO "review_queue" VALUES(1,'/r/y.jpg','duplicates',NULL,'?',0,NULL,NULL,NULL,NULL,'pending',NULL);
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('downloads',1);
INSERT INTO "sqlite_sequence" VALUES('review_queue',1);
COMMIT;
