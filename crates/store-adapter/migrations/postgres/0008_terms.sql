-- The terms of service that a person has accepted last.

ALTER TABLE accounts
    ADD COLUMN terms_version text COLLATE "C",
    ADD COLUMN terms_accepted_at bigint CHECK ((terms_version IS NULL) = (terms_accepted_at IS NULL));

-- A check looks at them, so the feed tells their change.
DROP TRIGGER account_changed ON accounts;

CREATE TRIGGER account_changed AFTER UPDATE OF username, email, name, role, status, groups, terms_version ON accounts
FOR EACH ROW
WHEN ((old.username, old.email, old.name, old.role, old.status, old.groups, old.terms_version)
    IS DISTINCT FROM (new.username, new.email, new.name, new.role, new.status, new.groups, new.terms_version))
EXECUTE FUNCTION account_changed();
