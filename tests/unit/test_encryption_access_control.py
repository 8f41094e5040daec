"""The patients, and the SQL that guards them: what the notebook encryption_access_control stands on."""

import hashlib
import hmac
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from companion import SettingError, this_run
from companion.configs import sql
from companion.datasets import clinic
from companion.engines import guest

ACCOUNTS = ("auditor", "service")
ROLES = ("records_owner", "nurse", "desk", *ACCOUNTS)
KEY, PASSWORD = os.urandom(64), "only-here-" + os.urandom(8).hex()
HANA, ZOE, IVO = ("hana", "nurse", "north"), ("zoe", "nurse", "south"), ("ivo", "desk", "north")
SEE, SEALED = "SELECT clinic FROM patients", "SELECT sealed FROM patients"


def test_records_are_the_same_for_the_same_seed_and_nobody_twice():
    table = clinic.records(600, seed=1)
    assert table.equals(clinic.records(600, seed=1)) and not table.equals(clinic.records(600, seed=2))
    assert table["patient_id"].is_unique and set(table["clinic"]) == set(clinic.CLINICS)
    assert set(table["diagnosis"]) == set(clinic.DIAGNOSES)


@pytest.mark.parametrize("patients", [0, 90_001])
def test_a_nonsense_number_of_patients_is_told(patients):
    with pytest.raises(SettingError, match=f"from 1 to 90000, got {patients}"):
        clinic.records(patients)


# on a real server


@pytest.fixture(scope="module")
def owner(database):
    return database


def build(owner, old: str = "", new: str = "") -> None:
    """Roles and tables, made anew, with a patient in each clinic; perhaps with one thing in the SQL replaced."""
    roles, tables = sql.statements("access/roles"), sql.statements("access/records")
    owner.execute("RESET ROLE")
    names = {role: Identifier(this_run.name(role)) for role in ROLES}
    names["records"] = Identifier(guest.schema(owner, "records", roles=ROLES))
    parts = [roles["roles"], *(tables[n] for n in ("patients", "ticket", "columns", "rows", "audit", "reading"))]
    assert sum(old in part for part in parts), "there is nothing of that kind to replace"
    for part in parts:
        owner.execute(SQL(part.replace(old, new) if old else part).format(**names))
    for account in ACCOUNTS:
        name = this_run.name(account)
        verifier = owner.pgconn.encrypt_password(PASSWORD.encode(), name.encode(), b"scram-sha-256").decode()
        owner.execute(SQL(roles["password"]).format(account=Identifier(name), verifier=Literal(verifier)))
    owner.execute(
        "INSERT INTO provider VALUES (true, %s, %s)", (bytes(k ^ 0x36 for k in KEY), bytes(k ^ 0x5C for k in KEY))
    )
    row = {"appointment": "2026-01-05", "name_index": b"n", "version": 1, "key_version": 1, "wrapped_key": b"w"}
    for number, where in enumerate(clinic.CLINICS):
        owner.execute(tables["insert"], row | {"patient_id": number, "clinic": where, "sealed": b"s"})


@pytest.fixture
def hospital(owner):
    build(owner)
    return owner


def ticket(person=None, seconds: float = 300, key: bytes = KEY) -> dict[str, str]:
    if person is None:
        return {"claims": "", "mac": ""}
    subject, role, where = person
    claims = json.dumps({"sub": subject, "role": role, "clinic": where, "exp": time.time() + seconds})
    return {"claims": claims, "mac": hmac.new(key, claims.encode(), "sha256").hexdigest()}


def login(owner, account: str = "service") -> psycopg.Connection:
    """As the account itself, never by SET ROLE from a superuser: a superuser could go back."""
    options = f"-c search_path={this_run.name('records')}"
    return psycopg.connect(owner.info.dsn, user=this_run.name(account), password=PASSWORD, options=options)


def ask(owner, given: dict[str, str], *statements: str, role: str | None = None, account: str = "service"):
    """Rows of the last of some statements in one transaction that is taken back, None when one is refused."""
    with login(owner, account) as connection:
        try:
            connection.execute(sql.statements("access/records")["begin"], given)
            if role:
                connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(this_run.name(role))))
            for statement in statements:
                done = connection.execute(statement.replace("$run", this_run.SUFFIX))
            return done.fetchall() if done.description else [()] * done.rowcount
        except psycopg.errors.InsufficientPrivilege:
            return None
        finally:
            connection.rollback()


def noted(owner, given: dict[str, str], action: str, patient: int | None, role: str | None = "nurse") -> int:
    """An entry of the trail, committed."""
    with login(owner) as connection:
        connection.execute(sql.statements("access/records")["begin"], given)
        if role:
            connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(this_run.name(role))))
        return connection.execute("SELECT note(%s, %s)", (action, patient)).fetchone()[0]


@pytest.mark.slow
def test_who_may_do_what(hospital):
    none, hana, zoe, ivo = ticket(), ticket(HANA), ticket(ZOE), ticket(IVO)
    for account, role, given, statement, expected in (
        ("service", "nurse", hana, SEE, [("north",)]),
        ("service", "nurse", zoe, SEE, [("south",)]),
        ("service", "desk", ivo, SEE, [("north",)]),
        ("service", "desk", ivo, "SELECT name_index FROM patients", None),
        ("service", "nurse", hana, SEALED, None),
        ("service", "nurse", hana, "TABLE patients", None),
        ("service", "nurse", hana, "SELECT patients FROM patients", None),
        ("service", "nurse", hana, "UPDATE patients SET appointment = appointment", [()]),
        ("service", "nurse", hana, "UPDATE patients SET appointment = appointment RETURNING sealed", None),
        ("service", "nurse", hana, "UPDATE patients SET sealed = ''", None),
        ("service", "nurse", hana, "UPDATE patients SET clinic = 'south'", None),
        ("service", "desk", ivo, "UPDATE patients SET wrapped_key = ''", None),
        ("service", "nurse", hana, "DELETE FROM patients", None),
        ("service", "nurse", hana, "TRUNCATE patients", None),
        ("service", "nurse", hana, "CREATE TABLE mine (x integer)", None),
        ("service", "nurse", hana, "SELECT * FROM audit", None),
        ("service", "nurse", hana, "INSERT INTO audit VALUES (1, 'x', '', '')", None),
        ("service", "nurse", hana, "SELECT * FROM provider", None),
        ("service", None, hana, SEE, None),
        ("service", "nurse", none, SEE, []),
        ("service", "desk", none, SEE, []),
        ("auditor", None, none, "SELECT * FROM patients", None),
        ("auditor", None, none, "SELECT seq FROM audit", []),
        ("auditor", None, none, "SELECT note('refused', 0)", None),
        ("auditor", None, none, "UPDATE audit SET entry = 'x'", None),
        ("auditor", None, hana, "SELECT ticket()", None),
    ):
        assert ask(hospital, given, statement, role=role, account=account) == expected, (role, statement)


#: what somebody tries who can put statements into a request of the nurse of the north; the last one is looked at
INJECTED = {
    "the desk's role": ("SET LOCAL ROLE desk$run", SEE),
    "the desk's role, for sealed columns": ("SET LOCAL ROLE desk$run", SEALED),
    "the account again": ("RESET ROLE", SEE),
    "the owner's role": ("SET LOCAL ROLE records_owner$run", SEE),
    "claims of one's own": ("SELECT set_config('records.claims', replace(current_setting('records.claims'), 'north', 'south'), true)", SEE),
    "claims without a code": ("SELECT set_config('records.mac', '', true)", SEE),
    "no claims": ("SELECT set_config('records.claims', NULL, true), set_config('records.mac', NULL, true)", SEE),
    "the setting of other designs": ("SET LOCAL app.clinic = 'south'", "SELECT clinic FROM patients WHERE clinic = 'south'"),
    "security off": ("SET LOCAL row_security = off", SEE),
    "a table that hides the real one": ("CREATE TEMP TABLE provider (only_one boolean, inner_pad bytea, outer_pad bytea)", "SET LOCAL search_path = pg_temp", "SELECT clinic FROM records$run.patients WHERE clinic = 'south'"),
    "a sealed record, and the entry taken back": ("SELECT note('read', 0)", "SELECT sealed FROM sealed_record(1)"),
    "the same behind a savepoint": ("SAVEPOINT s", "SELECT note('read', 0)", "RELEASE s", "SELECT sealed FROM sealed_record(1)"),
    "a sealed record without an entry": ("SELECT sealed FROM sealed_record(77)",),
    "an entry that is none": ("SELECT sealed FROM sealed_record(NULL)",),
    "a copy": ("COPY patients TO STDOUT",),
    "statistics": ("SELECT most_common_vals FROM pg_stats WHERE tablename = 'patients'",),
    "a condition that talks": ("CREATE FUNCTION pg_temp.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN IF $1 = 'south' THEN RAISE division_by_zero; END IF; RETURN false; END $$", "SELECT clinic FROM patients WHERE pg_temp.tell(clinic)"),
    "the key service's columns by a new row": ("INSERT INTO patients VALUES (0, 'north', '2026-01-05', '', 1, 1, '', '') ON CONFLICT (patient_id) DO UPDATE SET appointment = '2026-01-06' RETURNING sealed",),
}  # fmt: skip


@pytest.mark.slow
def test_a_statement_put_into_a_request_sees_no_row_of_the_south_and_no_sealed_one(hospital):
    hana = ticket(HANA)
    for what, statements in INJECTED.items():
        found = ask(hospital, hana, *statements, role="nurse")
        assert found in (None, [], [("north",)]) or what == "the desk's role", (what, found)
        assert not found or SEE in statements, (what, found)
    assert ask(hospital, hana, "SET LOCAL ROLE desk$run", SEE, role="nurse") == []
    # and the other way round: the desk takes the nurse's role, and has no rows in it
    ivo = ticket(IVO)
    assert ask(hospital, ivo, "SET LOCAL ROLE nurse$run", SEE, role="desk") == []
    assert noted(hospital, ivo, "read", 0) == 1
    assert ask(hospital, ivo, "SET LOCAL ROLE nurse$run", "SELECT sealed FROM sealed_record(1)", role="desk") is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("(SELECT admitted('nurse'))", "coalesce(current_setting('app.clinic', true), 'north')", "the setting of other designs"),
        ("sha256(convert_to(given, 'UTF8')) = sha256(convert_to(expected, 'UTF8'))", "claims <> ''", "claims of one's own"),
        ("SELECT (patient_id, clinic, appointment, name_index)", "SELECT", "the key service's columns by a new row"),
        ("AND written IS DISTINCT FROM pg_current_xact_id_if_assigned()", "", "a sealed record, and the entry taken back"),
        ("DEFAULT pg_current_xact_id()", "DEFAULT '7'", "the same behind a savepoint"),
        (" WHERE ticket() ->> 'role' = wanted", "", "the desk's role"),
    ],
)  # fmt: skip
def test_each_wall_is_needed(owner, old, new, what):
    """Without it, an attack of those above works: the test would have noticed."""
    build(owner, old, new)
    found = ask(owner, ticket(HANA), *INJECTED[what], role="nurse")
    assert found in ([("south",)], [(b"s",)]) or (what == "the desk's role" and found == [("north",)])


@pytest.mark.slow
def test_a_ticket_is_valid_only_as_it_was_made_and_while_it_lives(hospital):
    for given in (
        ticket(HANA, seconds=-1),
        ticket(HANA, key=bytes(64)),
        ticket(HANA) | {"mac": ticket(ZOE)["mac"]},
        ticket(HANA) | {"mac": "'"},
        ticket(HANA) | {"claims": "not json"},
        {"claims": "not json", "mac": hmac.new(bytes(64), b"not json", "sha256").hexdigest()},
        {"claims": "\N{SNOWMAN}" * 9_000, "mac": "f" * 9_000},
    ):
        assert ask(hospital, given, SEE, role="nurse") == []
        assert ask(hospital, given, "SELECT note('read', 0)", role="nurse") is None
        assert ask(hospital, given, "SELECT sealed FROM sealed_record(1)", role="nurse") is None
    upper = ticket(HANA)
    assert ask(hospital, upper | {"mac": upper["mac"].upper()}, SEE, role="nurse") == []


@pytest.mark.slow
def test_a_sealed_record_comes_for_a_committed_entry_of_the_same_nurse_and_no_other(hospital):
    hana, zoe = ticket(HANA), ticket(ZOE)
    read = "SELECT patient_id, sealed FROM sealed_record({})"
    own = noted(hospital, hana, "read", 0)
    assert ask(hospital, hana, read.format(own), role="nurse") == [(0, b"s")]
    assert ask(hospital, zoe, read.format(own), role="nurse") is None, "an entry of somebody else"
    assert ask(hospital, ticket(("hana", "desk", "north")), read.format(own), role="nurse") is None
    assert ask(hospital, hana, read.format(noted(hospital, hana, "missed", 0)), role="nurse") is None
    foreign = noted(hospital, hana, "read", 1)
    assert ask(hospital, hana, read.format(foreign), role="nurse") == [], "noted, and not in her clinic"
    with hospital.transaction(
        force_rollback=True
    ):  # an entry of an hour ago, as the owner of the database can make one
        hour = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - 61))
        old = json.dumps([99, hour, "service", "hana", "nurse", "north", "read", 0])
        hospital.execute("INSERT INTO audit VALUES (99, %s, '', '', '7')", (old,))
        hospital.execute(sql.statements("access/records")["begin"], hana)
        hospital.execute(SQL("SET LOCAL ROLE {}").format(Identifier(this_run.name("nurse"))))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="needs a committed entry"):
            hospital.execute(read.format(99))


@pytest.mark.slow
def test_an_entry_names_the_person_and_its_words_are_few(hospital):
    for person in (HANA, ("mallory", "nurse", "north"), ZOE, IVO):
        noted(hospital, ticket(person), "read", 7, role=person[1])
    noted(hospital, ticket(), "refused", 7, role=None)
    entries = [json.loads(e) for (e,) in hospital.execute("SELECT entry FROM audit ORDER BY seq")]
    assert [entry[3] for entry in entries] == ["hana", "mallory", "zoe", "ivo", None]
    assert {entry[2] for entry in entries} == {this_run.name("service")}
    for forged in ("SELECT note('deleted everything', 0)", "SELECT note(NULL, 0)", "SELECT note('', 0)"):
        assert ask(hospital, ticket(HANA), forged, role="nurse") is None
    assert ask(hospital, ticket(), "SELECT note('read', 0)") is None, "nobody reads nothing"


@pytest.mark.slow
def test_a_row_for_the_other_clinic_is_refused_and_a_clinic_that_does_not_exist(hospital):
    insert = "INSERT INTO patients VALUES (7, '{}', '2026-01-05', 'n', 1, 1, 'w', 's')"
    assert ask(hospital, ticket(HANA), insert.format("south"), role="nurse") is None
    assert ask(hospital, ticket(HANA), insert.format("north"), role="nurse") == [()]
    with pytest.raises(psycopg.errors.CheckViolation):
        hospital.execute(insert.format("west"))


@pytest.mark.slow
def test_the_chain_has_one_end_with_many_writers(hospital):
    with ThreadPoolExecutor(4) as writers:
        list(writers.map(lambda n: [noted(hospital, ticket(HANA), "read", n) for _ in range(10)], range(4)))
    previous = b"\0"
    trail = hospital.execute("SELECT seq, entry, previous, hash FROM audit ORDER BY seq").fetchall()
    assert [seq for seq, *_ in trail] == list(range(1, 41))
    for seq, entry, before, digest in trail:
        assert before == previous and digest == hashlib.sha256(before + entry.encode()).digest()
        number, _, account, *who, action, _ = json.loads(entry)
        assert (number, account, who, action) == (seq, this_run.name("service"), [*HANA], "read")
        previous = digest


@pytest.mark.slow
def test_keys_are_rotated_in_batches_that_go_on_where_the_last_one_ended(hospital):
    tables = sql.statements("access/records")
    batch = hospital.execute(tables["old_keys"], {"newest": 2, "batch": 1}).fetchall()
    assert batch == [(0, 1, b"w")]
    hospital.execute(tables["rewrap"], {"patient_id": 0, "key_version": 2, "wrapped_key": b"x"})
    assert hospital.execute(tables["old_keys"], {"newest": 2, "batch": 9}).fetchall() == [(1, 1, b"w")]
    assert hospital.execute(tables["old_keys"], {"newest": 1, "batch": 9}).fetchall() == []


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False], ids=["as it is", "would have been noticed"])
def test_no_ticket_and_no_key_stands_in_the_servers_log_or_in_its_activity(owner, kept):
    quiet = "ALTER ROLE {service} SET log_parameter_max_length = 0;"
    build(owner, *(() if kept else (quiet, "")))
    service = SQL("ALTER ROLE {} SET {} = {}")
    for setting, value in (("log_statement", "all"), ("log_min_duration_statement", "0")):
        owner.execute(service.format(Identifier(this_run.name("service")), Identifier(setting), Literal(value)))
    (data,) = owner.execute("SHOW data_directory").fetchone()
    log = Path(data).parent / "postgres.log"
    before, given = len(log.read_bytes()), ticket(HANA)
    with login(owner) as one, login(owner) as thief:
        one.execute(sql.statements("access/records")["begin"], given)
        shown = str(thief.execute("SELECT query FROM pg_stat_activity").fetchall())
        one.execute(SQL("SET LOCAL ROLE {}").format(Identifier(this_run.name("nurse"))))
        one.execute("SELECT note('read', 0)")
    said = log.read_bytes()[before:].decode()
    assert "set_config('records.claims', $1" in said and "set_config('records.claims', $1" in shown
    assert given["mac"] not in shown
    assert (given["mac"] in said) != kept, "a ticket in the log is a ticket for whoever reads logs"
    key = bytes(64).hex()
    with owner.transaction(force_rollback=True):
        owner.execute("SET LOCAL log_statement = 'all'; SET LOCAL log_min_duration_statement = 0")
        owner.execute(sql.statements("access/roles")["quiet"])
        owner.execute("SELECT %s::bytea, 'after quiet'", (bytes(64),))
    assert key not in (after := log.read_text()) and "after quiet" not in after
