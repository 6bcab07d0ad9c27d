-- Access tokens, by the hashes of their texts. One that was made with an identity goes with it, and has its groups
-- and its admission, as they were told at that time.

CREATE TABLE access_tokens (
    id           text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 22),
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    account_id   text COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name         text COLLATE "C" NOT NULL CHECK (name <> ''),
    scope        text COLLATE "C" NOT NULL CHECK (scope <> ''),
    issuer       text COLLATE "C",
    subject      text COLLATE "C",
    groups       text COLLATE "C" NOT NULL CHECK (json_typeof(groups::json) = 'array'),
    admitted     boolean NOT NULL,
    told_at      bigint NOT NULL,
    made_at      bigint NOT NULL,
    expires_at   bigint NOT NULL,
    last_used_at bigint,
    CHECK ((issuer IS NULL) = (subject IS NULL)),
    FOREIGN KEY (issuer, subject) REFERENCES external_identities (issuer, subject) ON DELETE CASCADE ON UPDATE CASCADE
);

-- The last refusal of the identity, until it comes in again: no token is made with it meanwhile.
ALTER TABLE external_identities ADD COLUMN refused_at bigint;

CREATE INDEX access_tokens_by_account ON access_tokens (account_id);
CREATE INDEX access_tokens_by_identity ON access_tokens (issuer, subject) WHERE issuer IS NOT NULL;

-- Their ids stand where those of sessions do: a replica that remembers a check of one must check it again.
CREATE TRIGGER access_token_changed AFTER UPDATE OF scope, groups, admitted ON access_tokens FOR EACH ROW
WHEN ((old.scope, old.groups, old.admitted) IS DISTINCT FROM (new.scope, new.groups, new.admitted))
EXECUTE FUNCTION session_changed();

CREATE TRIGGER access_token_deleted AFTER DELETE ON access_tokens FOR EACH ROW
EXECUTE FUNCTION session_changed();

CREATE TRIGGER access_tokens_truncated BEFORE TRUNCATE ON access_tokens EXECUTE FUNCTION refuse_truncation();
