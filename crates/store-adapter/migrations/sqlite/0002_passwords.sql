-- Accounts that a password opens, and sessions that began with one.

CREATE TABLE credentials (
    account_id  TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    hash        TEXT    NOT NULL CHECK (substr(hash, 1, 1) = '$' AND length(hash) <= 512),
    must_change INTEGER NOT NULL CHECK (must_change IN (0, 1))
) STRICT;

-- A session without a provider began here, with a password. SQLite cannot take a NOT NULL back, so the table is made anew;
-- nothing refers to it, so nothing can be lost with the old one.
CREATE TABLE new_sessions (
    id                     TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 22),
    account_id             TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    provider               TEXT    CHECK (provider <> ''),
    groups                 TEXT    NOT NULL CHECK (json_valid(groups) AND json_type(groups) = 'array'),
    authentication_methods TEXT    NOT NULL
        CHECK (json_valid(authentication_methods) AND json_type(authentication_methods) = 'array'),
    authenticated_at       INTEGER NOT NULL,
    created_at             INTEGER NOT NULL,
    last_seen_at           INTEGER NOT NULL,
    expires_at             INTEGER NOT NULL,
    ended_at               INTEGER
) STRICT;

INSERT INTO new_sessions
    (rowid, id, account_id, provider, groups, authentication_methods, authenticated_at, created_at, last_seen_at,
     expires_at, ended_at)
SELECT rowid, id, account_id, provider, groups, authentication_methods, authenticated_at, created_at, last_seen_at,
    expires_at, ended_at
FROM sessions;

DROP TABLE sessions;
ALTER TABLE new_sessions RENAME TO sessions;

CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
