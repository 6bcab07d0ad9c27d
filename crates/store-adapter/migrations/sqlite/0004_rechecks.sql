-- When and with what a provider is asked again about the person of a session.

ALTER TABLE sessions ADD COLUMN refresh_token TEXT CHECK (refresh_token IS NULL OR (refresh_token <> '' AND provider IS NOT NULL));
ALTER TABLE sessions ADD COLUMN recheck_at INTEGER CHECK ((recheck_at IS NULL) = (refresh_token IS NULL));

CREATE INDEX sessions_by_recheck ON sessions (provider, recheck_at) WHERE recheck_at IS NOT NULL;
