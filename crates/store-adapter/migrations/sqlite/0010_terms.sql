-- The terms of service that a person has accepted last.

ALTER TABLE accounts ADD COLUMN terms_version TEXT;
ALTER TABLE accounts ADD COLUMN terms_accepted_at INTEGER CHECK ((terms_version IS NULL) = (terms_accepted_at IS NULL));

-- A check looks at them, so the feed tells their change.
DROP TRIGGER account_changed;

CREATE TRIGGER account_changed AFTER UPDATE OF username, email, name, role, status, groups, terms_version ON accounts
WHEN old.username <> new.username OR old.email IS NOT new.email OR old.name IS NOT new.name
    OR old.role <> new.role OR old.status <> new.status OR old.groups <> new.groups
    OR old.terms_version IS NOT new.terms_version
BEGIN
    INSERT INTO changes (account_id) VALUES (new.id);
END;
