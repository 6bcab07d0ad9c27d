-- Who may use the lab, who is signed in, which sign-in attempts are spent, and who guesses.
-- Times are seconds since the Unix epoch. Texts compare byte for byte, whatever the database's locale: hence COLLATE "C".
-- Lists are JSON arrays of texts, as texts: PostgreSQL's own types of texts cannot hold every one that JSON can.

CREATE TABLE accounts (
    id         text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    username   text COLLATE "C" NOT NULL UNIQUE CHECK (username <> ''),
    email      text COLLATE "C" UNIQUE CHECK (email <> ''),
    name       text COLLATE "C" CHECK (name <> ''),
    role       text COLLATE "C" NOT NULL CHECK (role IN ('user', 'admin')),
    status     text COLLATE "C" NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at bigint NOT NULL
);

-- Few of many.
CREATE INDEX accounts_of_administrators ON accounts (id) WHERE role = 'admin';

-- What opens an account with a password.
CREATE TABLE credentials (
    account_id  text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    hash        text COLLATE "C" NOT NULL CHECK (left(hash, 1) = '$' AND length(hash) <= 512),
    must_change boolean NOT NULL
);

-- What opens an account from elsewhere. Beside the key stands what the provider said at the last sign-in; none of it
-- proves anything.
CREATE TABLE external_identities (
    issuer                 text COLLATE "C" NOT NULL CHECK (issuer <> ''),
    subject                text COLLATE "C" NOT NULL CHECK (subject <> ''),
    account_id             text COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    email                  text COLLATE "C" CHECK (email <> ''),
    email_verified         boolean NOT NULL,
    name                   text COLLATE "C" CHECK (name <> ''),
    groups                 text COLLATE "C" NOT NULL CHECK (json_typeof(groups::json) = 'array'),
    authentication_methods text COLLATE "C" NOT NULL CHECK (json_typeof(authentication_methods::json) = 'array'),
    authenticated_at       bigint,
    first_sign_in_at       bigint NOT NULL,
    last_sign_in_at        bigint NOT NULL,
    PRIMARY KEY (issuer, subject),
    CHECK (email IS NOT NULL OR NOT email_verified)
);

CREATE INDEX external_identities_by_account ON external_identities (account_id);

-- A session either began at a provider, as whose word about whom, or here, with a password.
CREATE TABLE sessions (
    id                     text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 22),
    account_id             text COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    provider               text COLLATE "C" CHECK (provider <> ''),
    issuer                 text COLLATE "C" CHECK (issuer <> ''),
    subject                text COLLATE "C" CHECK (subject <> ''),
    provider_session       text COLLATE "C" CHECK (provider_session <> ''),
    id_token_hint          text COLLATE "C" CHECK (id_token_hint <> ''),
    user_agent             text COLLATE "C" CHECK (user_agent <> ''),
    address                text COLLATE "C" CHECK (address <> ''),
    groups                 text COLLATE "C" NOT NULL CHECK (json_typeof(groups::json) = 'array'),
    authentication_methods text COLLATE "C" NOT NULL CHECK (json_typeof(authentication_methods::json) = 'array'),
    authenticated_at       bigint NOT NULL,
    created_at             bigint NOT NULL,
    last_seen_at           bigint NOT NULL,
    expires_at             bigint NOT NULL,
    ended_at               bigint,
    CHECK ((provider IS NULL) = (issuer IS NULL) AND (issuer IS NULL) = (subject IS NULL)),
    CHECK (issuer IS NOT NULL OR (provider_session IS NULL AND id_token_hint IS NULL))
)
-- A session is renewed again and again: room on its page lets that leave the indexes alone.
WITH (fillfactor = 85);

CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_provider_session ON sessions (issuer, provider_session);
CREATE INDEX sessions_by_subject ON sessions (issuer, subject);

CREATE TABLE spent_attempts (
    id         bytea  NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    keep_until bigint NOT NULL
);

CREATE INDEX spent_attempts_by_time ON spent_attempts (keep_until);

-- How often somebody guessed wrong, and (of the kind known_source) from where people signed in. The keys are digests: they
-- tell neither names nor addresses. Losing all of it is no harm but to patience.
CREATE TABLE failure_counts (
    key        bytea NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    kind       text COLLATE "C" NOT NULL CHECK (kind <> ''),
    failures   double precision NOT NULL,
    last       bigint NOT NULL,
    until      bigint NOT NULL,
    expires_at bigint NOT NULL
);

CREATE INDEX failure_counts_by_age ON failure_counts (kind, last);
CREATE INDEX failure_counts_by_expiry ON failure_counts (expires_at);
