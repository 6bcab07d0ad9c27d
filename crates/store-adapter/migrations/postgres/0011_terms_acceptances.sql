-- Which versions of the terms of service a person has accepted, and the SHA-256 of what was shown, where it is known.

CREATE TABLE terms_acceptances (
    account_id  text COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    version     text COLLATE "C" NOT NULL CHECK (version <> ''),
    digest      text COLLATE "C" CHECK (length(digest) = 64),
    accepted_at bigint NOT NULL,
    PRIMARY KEY (account_id, version)
);

INSERT INTO terms_acceptances (account_id, version, accepted_at)
SELECT id, terms_version, terms_accepted_at FROM accounts WHERE terms_version IS NOT NULL;

DROP TRIGGER account_changed ON accounts;

ALTER TABLE accounts DROP COLUMN terms_accepted_at, DROP COLUMN terms_version;

CREATE TRIGGER account_changed AFTER UPDATE OF username, email, name, role, status, groups ON accounts FOR EACH ROW
WHEN ((old.username, old.email, old.name, old.role, old.status, old.groups)
    IS DISTINCT FROM (new.username, new.email, new.name, new.role, new.status, new.groups))
EXECUTE FUNCTION account_changed();

-- A check looks at them, so the feed tells their change.
CREATE FUNCTION terms_acceptance_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO changes (account_id) VALUES (coalesce(new.account_id, old.account_id));
    RETURN NULL;
END $$;

CREATE TRIGGER terms_acceptance_changed AFTER INSERT OR DELETE OR UPDATE ON terms_acceptances FOR EACH ROW
EXECUTE FUNCTION terms_acceptance_changed();

CREATE TRIGGER terms_acceptances_truncated BEFORE TRUNCATE ON terms_acceptances
EXECUTE FUNCTION refuse_truncation();
