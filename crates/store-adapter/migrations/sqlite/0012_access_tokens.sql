-- Access tokens, by the hashes of their texts. One that was made with an identity goes with it, and has its groups
-- and its admission, as they were told at that time.

CREATE TABLE access_tokens (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 22),
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    account_id   TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL CHECK (name <> ''),
    scope        TEXT    NOT NULL CHECK (scope <> ''),
    issuer       TEXT,
    subject      TEXT,
    groups       TEXT    NOT NULL CHECK (json_valid(groups) AND json_type(groups) = 'array'),
    admitted     INTEGER NOT NULL CHECK (admitted IN (0, 1)),
    told_at      INTEGER NOT NULL,
    made_at      INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    CHECK ((issuer IS NULL) = (subject IS NULL)),
    FOREIGN KEY (issuer, subject) REFERENCES external_identities (issuer, subject) ON DELETE CASCADE ON UPDATE CASCADE
) STRICT;

-- The last refusal of the identity, until it comes in again: no token is made with it meanwhile.
ALTER TABLE external_identities ADD COLUMN refused_at INTEGER;

CREATE INDEX access_tokens_by_account ON access_tokens (account_id);
CREATE INDEX access_tokens_by_identity ON access_tokens (issuer, subject) WHERE issuer IS NOT NULL;

-- Their ids stand where those of sessions do: a replica that remembers a check of one must check it again.
CREATE TRIGGER access_token_changed AFTER UPDATE OF scope, groups, admitted ON access_tokens
WHEN old.scope <> new.scope OR old.groups <> new.groups OR old.admitted <> new.admitted
BEGIN
    INSERT INTO changes (session_id) VALUES (new.id);
END;

CREATE TRIGGER access_token_deleted AFTER DELETE ON access_tokens
BEGIN
    INSERT INTO changes (session_id) VALUES (old.id);
END;
