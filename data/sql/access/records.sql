-- The sealed records, who may see which of them, and the trail of who did. {names in braces} are put in as identifiers.

-- name: patients
CREATE TABLE patients (
    patient_id  integer PRIMARY KEY,
    clinic      text    NOT NULL CHECK (clinic IN ('north', 'south')),
    appointment date    NOT NULL,
    name_index  bytea   NOT NULL,
    version     integer NOT NULL, -- of the record: each change counts one up
    key_version integer NOT NULL, -- of the master key that wraps the record's own key
    wrapped_key bytea   NOT NULL,
    sealed      bytea   NOT NULL
);
ALTER TABLE patients OWNER TO {records_owner};
GRANT USAGE ON SCHEMA {records} TO {records_owner}, {nurse}, {desk}, {auditor}, {service};

-- name: ticket
-- What the identity provider and this database share: its HMAC key, as the two blocks that RFC 2104 makes of it.
CREATE TABLE provider (
    only_one  boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    inner_pad bytea   NOT NULL,
    outer_pad bytea   NOT NULL
);
ALTER TABLE provider OWNER TO {records_owner};

-- The claims of this transaction's ticket, NULL without a valid one. Anybody may set the two settings; only the provider
-- can make a pair that fits.
CREATE FUNCTION ticket() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = {records}, pg_temp AS $$
DECLARE
    claims   text := current_setting('records.claims', true);
    given    text := current_setting('records.mac', true);
    expected text;
BEGIN
    SELECT encode(sha256(outer_pad || sha256(inner_pad || convert_to(claims, 'UTF8'))), 'hex') INTO expected FROM provider;
    -- compared by their hashes: how long that takes says nothing of how many characters fit
    IF sha256(convert_to(given, 'UTF8')) = sha256(convert_to(expected, 'UTF8')) THEN
        IF (claims::jsonb ->> 'exp')::numeric > extract(epoch FROM clock_timestamp()) THEN
            RETURN claims::jsonb;
        END IF;
    END IF;
    RETURN NULL;
END
$$;

-- The clinic for which the ticket admits somebody in this role, NULL when it does not.
CREATE FUNCTION admitted(wanted text) RETURNS text
LANGUAGE sql STABLE SET search_path = {records}, pg_temp AS $$
    SELECT ticket() ->> 'clinic' WHERE ticket() ->> 'role' = wanted
$$;
ALTER FUNCTION ticket OWNER TO {records_owner};
ALTER FUNCTION admitted OWNER TO {records_owner};
REVOKE ALL ON FUNCTION ticket, admitted FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ticket, admitted TO {nurse}, {desk};

-- name: columns
GRANT SELECT (patient_id, clinic, appointment, name_index), INSERT, UPDATE (appointment) ON patients TO {nurse};
GRANT SELECT (patient_id, clinic, appointment), UPDATE (appointment) ON patients TO {desk};

-- name: rows
ALTER TABLE patients ENABLE ROW LEVEL SECURITY;
ALTER TABLE patients FORCE ROW LEVEL SECURITY; -- its owner, too, in whose name sealed_record() runs
CREATE POLICY treat ON patients TO {nurse}, {records_owner} USING (clinic = (SELECT admitted('nurse')));
CREATE POLICY book ON patients TO {desk} USING (clinic = (SELECT admitted('desk')));

-- name: audit
CREATE TABLE audit (
    seq      integer PRIMARY KEY,
    entry    text    NOT NULL,
    previous bytea   NOT NULL,
    hash     bytea   NOT NULL,
    written  xid8    NOT NULL DEFAULT pg_current_xact_id() -- by which transaction
);
ALTER TABLE audit OWNER TO {records_owner};
GRANT SELECT ON audit TO {auditor};

CREATE FUNCTION note(action text, patient integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {records}, pg_temp AS $$
DECLARE
    who  jsonb := ticket();
    last audit;
    line text;
BEGIN
    IF coalesce(action, '') NOT IN ('read', 'missed', 'refused', 'broken') OR (who ->> 'sub' IS NULL AND action <> 'refused') THEN
        RAISE insufficient_privilege USING MESSAGE = 'no such entry can be made, or not without a ticket that names somebody';
    END IF;
    LOCK TABLE audit IN EXCLUSIVE MODE; -- one writer at a time: a chain has one end
    SELECT * INTO last FROM audit ORDER BY seq DESC LIMIT 1;
    last.seq  := coalesce(last.seq, 0) + 1;
    last.hash := coalesce(last.hash, '\x00');
    -- the account that logged in, and who the ticket says it is: a caller can forge neither
    line := json_build_array(last.seq, clock_timestamp(), session_user, who ->> 'sub', who ->> 'role', who ->> 'clinic', action, patient)::text;
    INSERT INTO audit VALUES (last.seq, line, last.hash, sha256(last.hash || convert_to(line, 'UTF8')));
    RETURN last.seq;
END
$$;
ALTER FUNCTION note OWNER TO {records_owner};
REVOKE ALL ON FUNCTION note FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note TO {nurse}, {desk}, {service};

-- name: reading
-- The one way to a sealed record: by an entry of the trail that asks for it, by the same person, a minute old at most, and
-- committed by another transaction: one's own entry could still be taken back.
CREATE FUNCTION sealed_record(number integer) RETURNS SETOF patients
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {records}, pg_temp AS $$
DECLARE
    asked jsonb := (SELECT entry::jsonb FROM audit WHERE seq = number AND written IS DISTINCT FROM pg_current_xact_id_if_assigned());
BEGIN
    IF admitted('nurse') IS NULL OR asked IS NULL OR asked ->> 3 IS DISTINCT FROM ticket() ->> 'sub' OR asked ->> 6 <> 'read'
       OR (asked ->> 1)::timestamptz < clock_timestamp() - interval '1 minute' THEN
        RAISE insufficient_privilege USING MESSAGE = 'a sealed record needs a committed entry of the nurse who asks for it';
    END IF;
    RETURN QUERY SELECT * FROM patients WHERE patient_id = (asked ->> 7)::integer;
END
$$;
ALTER FUNCTION sealed_record OWNER TO {records_owner};
REVOKE ALL ON FUNCTION sealed_record FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sealed_record TO {nurse};

-- name: insert
INSERT INTO patients VALUES
    (%(patient_id)s, %(clinic)s, %(appointment)s, %(name_index)s, %(version)s, %(key_version)s, %(wrapped_key)s, %(sealed)s);

-- name: begin
SELECT set_config('records.claims', %(claims)s, true), set_config('records.mac', %(mac)s, true);

-- name: old_keys
SELECT patient_id, key_version, wrapped_key FROM patients WHERE key_version < %(newest)s
ORDER BY patient_id LIMIT %(batch)s FOR UPDATE SKIP LOCKED;

-- name: rewrap
UPDATE patients SET key_version = %(key_version)s, wrapped_key = %(wrapped_key)s WHERE patient_id = %(patient_id)s;
