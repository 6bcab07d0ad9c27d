-- What the readiness check writes: a database that takes no writes signs nobody in.

CREATE TABLE readiness (
    id     integer NOT NULL PRIMARY KEY CHECK (id = 1),
    checks bigint  NOT NULL
);

INSERT INTO readiness VALUES (1, 0);
