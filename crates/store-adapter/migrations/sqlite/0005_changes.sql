-- The feed of changes: what a replica that remembers its checks of tokens must check again. Triggers write it, so no
-- statement can forget to, whichever version or command runs it. The numbers have no gaps and are never used again.

CREATE TABLE changes (
    number     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    session_id TEXT,
    account_id TEXT,
    at         INTEGER NOT NULL DEFAULT (unixepoch()),
    CHECK ((session_id IS NULL) <> (account_id IS NULL))
) STRICT;

CREATE INDEX changes_by_age ON changes (at);

CREATE TRIGGER session_changed AFTER UPDATE OF ended_at, expires_at, groups, authentication_methods ON sessions
WHEN old.ended_at IS NOT new.ended_at OR old.expires_at <> new.expires_at OR old.groups <> new.groups
    OR old.authentication_methods <> new.authentication_methods
BEGIN
    INSERT INTO changes (session_id) VALUES (new.id);
END;

-- A session that has ended or expired is in no memory that this could correct.
CREATE TRIGGER session_deleted AFTER DELETE ON sessions
WHEN old.ended_at IS NULL AND old.expires_at > unixepoch()
BEGIN
    INSERT INTO changes (session_id) VALUES (old.id);
END;

CREATE TRIGGER account_changed AFTER UPDATE OF username, email, name, role, status ON accounts
WHEN old.username <> new.username OR old.email IS NOT new.email OR old.name IS NOT new.name
    OR old.role <> new.role OR old.status <> new.status
BEGIN
    INSERT INTO changes (account_id) VALUES (new.id);
END;

CREATE TRIGGER account_deleted AFTER DELETE ON accounts
BEGIN
    INSERT INTO changes (account_id) VALUES (old.id);
END;
