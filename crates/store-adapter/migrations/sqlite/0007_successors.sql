-- An identity that gives way: until then, the first identity of the successor that states the account's own trusted
-- address takes its place. So people stay themselves when their provider gives them new subjects.

ALTER TABLE external_identities ADD COLUMN successor TEXT CHECK (successor <> '');
ALTER TABLE external_identities ADD COLUMN successor_until INTEGER CHECK ((successor_until IS NULL) = (successor IS NULL));
