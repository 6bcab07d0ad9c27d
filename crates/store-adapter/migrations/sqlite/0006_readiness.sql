-- What the readiness check writes: a database that takes no writes signs nobody in.

CREATE TABLE readiness (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    checks INTEGER NOT NULL
) STRICT;

INSERT INTO readiness VALUES (1, 0);
