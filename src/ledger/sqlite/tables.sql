-- Text that is written once, apart from the row that is updated when the call ends.
CREATE TABLE explanations (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL
);

CREATE TABLE requests (
  id BLOB PRIMARY KEY,
  at INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  key TEXT NOT NULL,
  tags TEXT,
  session TEXT,
  endpoint TEXT NOT NULL,
  asked TEXT NOT NULL,
  policy TEXT NOT NULL,
  rule TEXT,
  reason TEXT NOT NULL,
  task TEXT NOT NULL,
  explanation INTEGER REFERENCES explanations,
  closed_at INTEGER,
  status INTEGER,
  model TEXT,
  hosting TEXT,
  baseline INTEGER,
  first_byte_ms INTEGER,
  duration_ms INTEGER,
  error TEXT
) WITHOUT ROWID;

CREATE INDEX open_requests ON requests (id) WHERE closed_at IS NULL;

-- state: 0 open, 1 actual, 2 estimated, 3 void. cost: nano-dollars, NULL where no price is known.
CREATE TABLE attempts (
  request BLOB NOT NULL,
  id BLOB NOT NULL,
  state INTEGER NOT NULL,
  at INTEGER NOT NULL,
  model TEXT NOT NULL,
  target TEXT NOT NULL,
  hosting TEXT NOT NULL,
  price TEXT,
  sent_at INTEGER,
  ended_at INTEGER,
  end TEXT,
  cost INTEGER,
  input INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  cache_write_short INTEGER NOT NULL,
  cache_write_long INTEGER NOT NULL,
  output INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  PRIMARY KEY (request, id)
) WITHOUT ROWID;

CREATE INDEX open_attempts ON attempts (request, id) WHERE state = 0;
