-- What decisions were made by: written once, before the first call that names it. Policies and catalogues by their digests.
CREATE TABLE texts (
  digest TEXT PRIMARY KEY,
  text TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE settings (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  policies TEXT NOT NULL REFERENCES texts,
  catalog TEXT NOT NULL REFERENCES texts,
  classifier TEXT NOT NULL
) WITHOUT ROWID;
