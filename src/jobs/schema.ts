/**
 * The tables of the store, in SQL of SQLite (https://www.sqlite.org/lang.html).
 *
 *   accounts    what each owner holds: bytes, and runs that wait. Kept by triggers, so that it is always
 *               the sum of the rows.
 *   files       bytes under (owner, folder, name); their content lies in chunks.
 *   runs        accepted runs. What a run was sent and what it left are files of its owner, in folders that
 *               are named after the run and go with it.
 *   events      what a run has told, numbered from 1.
 *   deliveries  calls of webhooks that are still to be made.
 */

/** Bytes that a row counts for beside its content. */
export const ROW_BYTES = 512

/** A store of another version is not opened. */
export const SCHEMA_VERSION = 1

export const SCHEMA = `
CREATE TABLE accounts (
  owner TEXT PRIMARY KEY,
  bytes INTEGER NOT NULL,
  queued INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE files (
  id INTEGER PRIMARY KEY,
  owner TEXT NOT NULL,
  folder TEXT NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT,
  size INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER,
  UNIQUE (owner, folder, name)
) STRICT;
CREATE INDEX files_by_age ON files (expires_ms) WHERE expires_ms IS NOT NULL;

CREATE TABLE chunks (
  file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
  number INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (file, number)
) STRICT;

CREATE TABLE runs (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  template TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'ended')),
  status TEXT NOT NULL,
  detail TEXT NOT NULL,
  problem TEXT,
  created_ms INTEGER NOT NULL,
  started_ms INTEGER,
  ended_ms INTEGER,
  expires_ms INTEGER,
  idempotency_key TEXT,
  fingerprint TEXT,
  events INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX runs_by_key ON runs (owner, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_by_owner ON runs (owner, sequence);
CREATE INDEX runs_by_state ON runs (state, owner, sequence);
CREATE INDEX runs_by_age ON runs (expires_ms) WHERE expires_ms IS NOT NULL;

CREATE TABLE events (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (run, number)
) STRICT;

CREATE TABLE deliveries (
  run INTEGER PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
  owner TEXT NOT NULL,
  url TEXT NOT NULL,
  secret TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_ms INTEGER
) STRICT;
CREATE INDEX deliveries_due ON deliveries (due_ms) WHERE due_ms IS NOT NULL;

CREATE TRIGGER file_in AFTER INSERT ON files BEGIN
  INSERT INTO accounts VALUES (NEW.owner, NEW.size + ${ROW_BYTES}, 0)
    ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER file_out AFTER DELETE ON files BEGIN
  UPDATE accounts SET bytes = bytes - OLD.size - ${ROW_BYTES} WHERE owner = OLD.owner;
END;
CREATE TRIGGER run_in AFTER INSERT ON runs BEGIN
  INSERT INTO accounts VALUES (NEW.owner, NEW.bytes, NEW.state = 'queued')
    ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes, queued = queued + excluded.queued;
END;
CREATE TRIGGER run_change AFTER UPDATE OF state, bytes ON runs BEGIN
  UPDATE accounts SET
    bytes = bytes + NEW.bytes - OLD.bytes,
    queued = queued + (NEW.state = 'queued') - (OLD.state = 'queued')
  WHERE owner = NEW.owner;
END;
CREATE TRIGGER run_out AFTER DELETE ON runs BEGIN
  UPDATE accounts SET
    bytes = bytes - OLD.bytes,
    queued = queued - (OLD.state = 'queued')
  WHERE owner = OLD.owner;
  DELETE FROM files WHERE owner = OLD.owner
    AND folder IN ('request:' || OLD.id, 'outcome:' || OLD.id, 'files:' || OLD.id);
END;

PRAGMA user_version = ${SCHEMA_VERSION};
`
