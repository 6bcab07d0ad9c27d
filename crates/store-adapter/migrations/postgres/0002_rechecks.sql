-- When and with what a provider is asked again about the person of a session.

ALTER TABLE sessions
    ADD COLUMN refresh_token text COLLATE "C" CHECK (refresh_token IS NULL OR (refresh_token <> '' AND provider IS NOT NULL)),
    ADD COLUMN recheck_at bigint,
    ADD CHECK ((recheck_at IS NULL) = (refresh_token IS NULL));

CREATE INDEX sessions_by_recheck ON sessions (provider, recheck_at) WHERE recheck_at IS NOT NULL;
