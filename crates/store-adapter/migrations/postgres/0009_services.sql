-- The services that administrators add beside those of the configuration. A definition is a JSON object as it was written:
-- the domain reads it, and leaves out what it cannot read.

CREATE TABLE services (
    id         text COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    definition text COLLATE "C" NOT NULL CHECK (json_typeof(definition::json) = 'object')
);

-- Each change makes another revision, by which replicas see it. A trigger writes it, so no statement can forget to. It is
-- empty until the first change, and random, so that no other database has it for other services.

CREATE TABLE services_revision (
    id       bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    revision text COLLATE "C" NOT NULL
);

INSERT INTO services_revision (id, revision) VALUES (1, '');

CREATE FUNCTION services_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE services_revision SET revision = gen_random_uuid()::text;
    RETURN NULL;
END $$;

CREATE TRIGGER services_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON services FOR EACH STATEMENT
EXECUTE FUNCTION services_changed();
