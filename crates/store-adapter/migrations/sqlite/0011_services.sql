-- The services that administrators add beside those of the configuration. A definition is a JSON object as it was written:
-- the domain reads it, and leaves out what it cannot read.

CREATE TABLE services (
    id         TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    definition TEXT NOT NULL CHECK (json_valid(definition) AND json_type(definition) = 'object')
) STRICT;

-- Each change makes another revision, by which replicas see it. Triggers write it, so no statement can forget to. It is
-- empty until the first change, and random, so that no other database has it for other services.

CREATE TABLE services_revision (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    revision TEXT    NOT NULL
) STRICT;

INSERT INTO services_revision (id, revision) VALUES (1, '');

CREATE TRIGGER service_added AFTER INSERT ON services
BEGIN
    UPDATE services_revision SET revision = lower(hex(randomblob(16)));
END;

CREATE TRIGGER service_changed AFTER UPDATE ON services
BEGIN
    UPDATE services_revision SET revision = lower(hex(randomblob(16)));
END;

CREATE TRIGGER service_removed AFTER DELETE ON services
BEGIN
    UPDATE services_revision SET revision = lower(hex(randomblob(16)));
END;
