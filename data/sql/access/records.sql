-- The sealed records, who may see which of them, and the trail of who did. {names in braces} are put in as identifiers, and
-- {run}, the end of every role's name, as a text.

-- name: patients
CREATE TABLE patients (
    patient_id  integer PRIMARY KEY,
    clinic      text    NOT NULL CHECK (clinic IN ('north', 'south')),
    appointment date    NOT NULL,
    name_index  bytea   NOT NULL,
    key_version integer NOT NULL,
    wrapped_key bytea   NOT NULL,
    sealed      bytea   NOT NULL
);
ALTER TABLE patients OWNER TO {records_owner};
GRANT USAGE ON SCHEMA {records} TO {records_owner}, {may_treat}, {may_book}, {auditor}, {service};

-- name: columns
GRANT SELECT, INSERT ON patients TO {may_treat};
GRANT UPDATE (appointment, name_index, key_version, wrapped_key, sealed) ON patients TO {may_treat};
GRANT SELECT (patient_id, clinic, appointment), UPDATE (appointment) ON patients TO {may_book};

-- name: rows
ALTER TABLE patients ENABLE ROW LEVEL SECURITY;
ALTER TABLE patients FORCE ROW LEVEL SECURITY;
CREATE POLICY own_clinic ON patients
    USING (pg_has_role(current_user, 'clinic_' || clinic || {run}, 'USAGE'))
    WITH CHECK (pg_has_role(current_user, 'clinic_' || clinic || {run}, 'USAGE'));

-- name: audit
CREATE TABLE audit (
    seq      integer PRIMARY KEY,
    entry    text    NOT NULL,
    previous bytea   NOT NULL,
    hash     bytea   NOT NULL
);
ALTER TABLE audit OWNER TO {records_owner};
GRANT SELECT ON audit TO {auditor};

CREATE FUNCTION note(action text, patient integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {records}, pg_temp AS $$
DECLARE
    last audit;
    line text;
BEGIN
    LOCK TABLE audit IN EXCLUSIVE MODE; -- one writer at a time: a chain has one end
    SELECT * INTO last FROM audit ORDER BY seq DESC LIMIT 1;
    last.seq  := coalesce(last.seq, 0) + 1;
    last.hash := coalesce(last.hash, '\x00');
    -- the account that logged in, and the role it has taken: a caller can forge neither
    line := json_build_array(last.seq, clock_timestamp(), session_user, current_setting('role'), action, patient)::text;
    INSERT INTO audit VALUES (last.seq, line, last.hash, sha256(last.hash || convert_to(line, 'UTF8')));
    RETURN last.seq;
END
$$;
ALTER FUNCTION note OWNER TO {records_owner};
REVOKE ALL ON FUNCTION note FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note TO {may_treat}, {may_book};

-- name: insert
INSERT INTO patients VALUES
    (%(patient_id)s, %(clinic)s, %(appointment)s, %(name_index)s, %(key_version)s, %(wrapped_key)s, %(sealed)s);

-- name: rewrap
UPDATE patients SET key_version = %(key_version)s, wrapped_key = %(wrapped_key)s WHERE patient_id = %(patient_id)s;

-- name: read
SELECT patient_id, key_version, wrapped_key, sealed FROM patients WHERE patient_id = %(patient_id)s;
