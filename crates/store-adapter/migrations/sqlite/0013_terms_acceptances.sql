-- Which versions of the terms of service a person has accepted, and the SHA-256 of what was shown, where it is known.

CREATE TABLE terms_acceptances (
    account_id  TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    version     TEXT    NOT NULL CHECK (version <> ''),
    digest      TEXT    CHECK (length(digest) = 64),
    accepted_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, version)
) STRICT, WITHOUT ROWID;

INSERT INTO terms_acceptances (account_id, version, accepted_at)
SELECT id, terms_version, terms_accepted_at FROM accounts WHERE terms_version IS NOT NULL;

DROP TRIGGER account_changed;

ALTER TABLE accounts DROP COLUMN terms_accepted_at;
ALTER TABLE accounts DROP COLUMN terms_version;

CREATE TRIGGER account_changed AFTER UPDATE OF username, email, name, role, status, groups ON accounts
WHEN old.username <> new.username OR old.email IS NOT new.email OR old.name IS NOT new.name
    OR old.role <> new.role OR old.status <> new.status OR old.groups <> new.groups
BEGIN
    INSERT INTO changes (account_id) VALUES (new.id);
END;

-- A check looks at them, so the feed tells their change.
CREATE TRIGGER terms_accepted AFTER INSERT ON terms_acceptances
BEGIN
    INSERT INTO changes (account_id) VALUES (new.account_id);
END;

CREATE TRIGGER terms_acceptance_deleted AFTER DELETE ON terms_acceptances
BEGIN
    INSERT INTO changes (account_id) VALUES (old.account_id);
END;
