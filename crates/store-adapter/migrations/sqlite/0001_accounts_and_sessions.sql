-- Who may use the lab, who is signed in, and which sign-in attempts are spent.
-- Times are seconds since the Unix epoch. Texts compare byte for byte; lists are JSON arrays of texts.

CREATE TABLE accounts (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    username   TEXT    NOT NULL UNIQUE CHECK (username <> ''),
    email      TEXT    UNIQUE CHECK (email <> ''),
    name       TEXT    CHECK (name <> ''),
    role       TEXT    NOT NULL CHECK (role IN ('user', 'admin')),
    status     TEXT    NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at INTEGER NOT NULL
) STRICT;

-- What opens an account. Beside the key stands what the provider said at the last sign-in; none of it proves anything.
CREATE TABLE external_identities (
    issuer                 TEXT    NOT NULL CHECK (issuer <> ''),
    subject                TEXT    NOT NULL CHECK (subject <> ''),
    account_id             TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    email                  TEXT    CHECK (email <> ''),
    email_verified         INTEGER NOT NULL CHECK (email_verified IN (0, 1)),
    name                   TEXT    CHECK (name <> ''),
    groups                 TEXT    NOT NULL CHECK (json_valid(groups) AND json_type(groups) = 'array'),
    authentication_methods TEXT    NOT NULL
        CHECK (json_valid(authentication_methods) AND json_type(authentication_methods) = 'array'),
    authenticated_at       INTEGER,
    first_sign_in_at       INTEGER NOT NULL,
    last_sign_in_at        INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject),
    CHECK (email IS NOT NULL OR email_verified = 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX external_identities_by_account ON external_identities (account_id);

CREATE TABLE sessions (
    id                     TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 22),
    account_id             TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    provider               TEXT    NOT NULL CHECK (provider <> ''),
    groups                 TEXT    NOT NULL CHECK (json_valid(groups) AND json_type(groups) = 'array'),
    authentication_methods TEXT    NOT NULL
        CHECK (json_valid(authentication_methods) AND json_type(authentication_methods) = 'array'),
    authenticated_at       INTEGER NOT NULL,
    created_at             INTEGER NOT NULL,
    last_seen_at           INTEGER NOT NULL,
    expires_at             INTEGER NOT NULL,
    ended_at               INTEGER
) STRICT;

CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE spent_attempts (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    keep_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_attempts_by_time ON spent_attempts (keep_until);
