-- The groups that administrators give to accounts. The provider's stand with sessions and identities, and never here.

ALTER TABLE accounts ADD COLUMN groups TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(groups) AND json_type(groups) = 'array');

-- Tokens state them, so the feed tells their change.
DROP TRIGGER account_changed;

CREATE TRIGGER account_changed AFTER UPDATE OF username, email, name, role, status, groups ON accounts
WHEN old.username <> new.username OR old.email IS NOT new.email OR old.name IS NOT new.name
    OR old.role <> new.role OR old.status <> new.status OR old.groups <> new.groups
BEGIN
    INSERT INTO changes (account_id) VALUES (new.id);
END;
