-- The groups that administrators give to accounts. The provider's stand with sessions and identities, and never here.

ALTER TABLE accounts
    ADD COLUMN groups text COLLATE "C" NOT NULL DEFAULT '[]' CHECK (json_typeof(groups::json) = 'array');

-- Tokens state them, so the feed tells their change.
DROP TRIGGER account_changed ON accounts;

CREATE TRIGGER account_changed AFTER UPDATE OF username, email, name, role, status, groups ON accounts FOR EACH ROW
WHEN ((old.username, old.email, old.name, old.role, old.status, old.groups)
    IS DISTINCT FROM (new.username, new.email, new.name, new.role, new.status, new.groups))
EXECUTE FUNCTION account_changed();
