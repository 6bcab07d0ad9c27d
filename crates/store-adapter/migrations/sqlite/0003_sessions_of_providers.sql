-- With which session at which provider a session began, so that both end together; and what its person knows it by.

-- A session either began at a provider, as whose word about whom, or here, with a password. SQLite cannot add a rule to a
-- table, so it is made anew; nothing refers to it.
CREATE TABLE new_sessions (
    id                     TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 22),
    account_id             TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    provider               TEXT    CHECK (provider <> ''),
    issuer                 TEXT    CHECK (issuer <> ''),
    subject                TEXT    CHECK (subject <> ''),
    provider_session       TEXT    CHECK (provider_session <> ''),
    id_token_hint          TEXT    CHECK (id_token_hint <> ''),
    user_agent             TEXT    CHECK (user_agent <> ''),
    address                TEXT    CHECK (address <> ''),
    groups                 TEXT    NOT NULL CHECK (json_valid(groups) AND json_type(groups) = 'array'),
    authentication_methods TEXT    NOT NULL
        CHECK (json_valid(authentication_methods) AND json_type(authentication_methods) = 'array'),
    authenticated_at       INTEGER NOT NULL,
    created_at             INTEGER NOT NULL,
    last_seen_at           INTEGER NOT NULL,
    expires_at             INTEGER NOT NULL,
    ended_at               INTEGER,
    CHECK ((provider IS NULL) = (issuer IS NULL) AND (issuer IS NULL) = (subject IS NULL)),
    CHECK (issuer IS NOT NULL OR (provider_session IS NULL AND id_token_hint IS NULL))
) STRICT;

-- A session of an earlier version says at which provider it began, but not as whom. It goes on: until now an account had
-- one identity at most, so it began with that one. Were there none, or several, put there by hand, then nobody could tell,
-- and it goes on as one that began here.
INSERT INTO new_sessions
    (rowid, id, account_id, provider, issuer, subject, groups, authentication_methods, authenticated_at, created_at,
     last_seen_at, expires_at, ended_at)
SELECT s.rowid, s.id, s.account_id, iif(i.issuer IS NULL, NULL, s.provider), i.issuer, i.subject, s.groups,
    s.authentication_methods, s.authenticated_at, s.created_at, s.last_seen_at, s.expires_at, s.ended_at
FROM sessions AS s LEFT JOIN (
    SELECT account_id, min(issuer) AS issuer, min(subject) AS subject
    FROM external_identities GROUP BY account_id HAVING count(*) = 1
) AS i ON i.account_id = s.account_id AND s.provider IS NOT NULL;

DROP TABLE sessions;
ALTER TABLE new_sessions RENAME TO sessions;

CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_provider_session ON sessions (issuer, provider_session);
CREATE INDEX sessions_by_subject ON sessions (issuer, subject);
