-- The replicas that run, each with a fingerprint of every setting that all must have alike (a JSON object by the settings'
-- names): one with other settings is found. The rows say nothing about the lab, and no backup or copy has them.

CREATE TABLE replicas (
    id       TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
    settings TEXT    NOT NULL CHECK (json_valid(settings) AND json_type(settings) = 'object'),
    seen_at  INTEGER NOT NULL
) STRICT;
