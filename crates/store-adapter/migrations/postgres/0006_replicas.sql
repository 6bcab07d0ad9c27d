-- The replicas that run, each with a fingerprint of every setting that all must have alike (a JSON object by the settings'
-- names): one with other settings is found. The rows say nothing about the lab, and no copy has them.

CREATE TABLE replicas (
    id       text COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    settings text COLLATE "C" NOT NULL CHECK (json_typeof(settings::json) = 'object'),
    seen_at  bigint NOT NULL
);
