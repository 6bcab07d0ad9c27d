-- The feed of changes: what a replica that remembers its checks of tokens must check again. Triggers write it, so no
-- statement can forget to, whichever version or command runs it. A row's transaction tells whether a snapshot saw it: a
-- sequence would not do, for its numbers become visible out of order.

CREATE TABLE changes (
    transaction xid8        NOT NULL DEFAULT pg_current_xact_id(),
    session_id  text COLLATE "C",
    account_id  text COLLATE "C",
    at          timestamptz NOT NULL DEFAULT now(),
    CHECK ((session_id IS NULL) <> (account_id IS NULL))
);

CREATE INDEX changes_by_transaction ON changes (transaction);
CREATE INDEX changes_by_age ON changes (at);

CREATE FUNCTION session_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO changes (session_id) VALUES (old.id);
    RETURN NULL;
END $$;

CREATE FUNCTION account_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO changes (account_id) VALUES (old.id);
    RETURN NULL;
END $$;

CREATE TRIGGER session_changed AFTER UPDATE OF ended_at, expires_at, groups, authentication_methods ON sessions FOR EACH ROW
WHEN ((old.ended_at, old.expires_at, old.groups, old.authentication_methods)
    IS DISTINCT FROM (new.ended_at, new.expires_at, new.groups, new.authentication_methods))
EXECUTE FUNCTION session_changed();

-- A session that has ended or expired is in no memory that this could correct.
CREATE TRIGGER session_deleted AFTER DELETE ON sessions FOR EACH ROW
WHEN (old.ended_at IS NULL AND old.expires_at > extract(epoch FROM now()))
EXECUTE FUNCTION session_changed();

CREATE TRIGGER account_changed AFTER UPDATE OF username, email, name, role, status ON accounts FOR EACH ROW
WHEN ((old.username, old.email, old.name, old.role, old.status)
    IS DISTINCT FROM (new.username, new.email, new.name, new.role, new.status))
EXECUTE FUNCTION account_changed();

CREATE TRIGGER account_deleted AFTER DELETE ON accounts FOR EACH ROW
EXECUTE FUNCTION account_changed();

-- No row would tell of it.
CREATE FUNCTION refuse_truncation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'TRUNCATE tells no replica which sessions are gone: use DELETE FROM %', tg_table_name;
END $$;

CREATE TRIGGER sessions_truncated BEFORE TRUNCATE ON sessions EXECUTE FUNCTION refuse_truncation();
CREATE TRIGGER accounts_truncated BEFORE TRUNCATE ON accounts EXECUTE FUNCTION refuse_truncation();
