"""The patients, and the SQL that guards them: what the notebook encryption_access_control stands on."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from companion import SettingError, this_run
from companion.configs import sql
from companion.datasets import clinic
from companion.engines import guest

ACCOUNTS = ("nurse_north", "nurse_south", "desk_north", "auditor", "service")
ROLES = ("records_owner", "may_treat", "may_book", "clinic_north", "clinic_south", *ACCOUNTS)


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


@pytest.fixture
def hospital(owner):
    """Roles and tables, made anew, with one patient in each clinic."""
    roles, tables = sql.statements("access/roles"), sql.statements("access/records")
    owner.execute("RESET ROLE")
    names = {role: Identifier(this_run.name(role)) for role in ROLES} | {"run": Literal(this_run.SUFFIX)}
    names["records"] = Identifier(guest.schema(owner, "records", roles=ROLES))
    for statement in (roles["roles"], *(tables[n] for n in ("patients", "columns", "rows", "audit"))):
        owner.execute(SQL(statement).format(**names))
    row = {"appointment": "2026-01-05", "name_index": b"n", "key_version": 1, "wrapped_key": b"w", "sealed": b"s"}
    for number, where in enumerate(clinic.CLINICS):
        owner.execute(tables["insert"], row | {"patient_id": number, "clinic": where})
    return owner


def as_role(connection, role: str, statement: str) -> list | None:
    """Rows of a statement run in a role, None when it is refused; nothing stays."""
    with connection.transaction(force_rollback=True):
        connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(this_run.name(role))))
        try:
            with connection.transaction():
                done = connection.execute(statement)
                return done.fetchall() if done.description else [()] * done.rowcount
        except psycopg.errors.InsufficientPrivilege:
            return None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "statement", "expected"),
    [
        ("nurse_north", "SELECT clinic FROM patients", [("north",)]),
        ("nurse_south", "SELECT clinic FROM patients", [("south",)]),
        ("desk_north", "SELECT clinic FROM patients", [("north",)]),
        ("desk_north", "SELECT * FROM patients", None),
        ("desk_north", "UPDATE patients SET sealed = ''", None),
        ("nurse_north", "UPDATE patients SET appointment = appointment", [()]),
        ("nurse_north", "UPDATE patients SET clinic = 'south'", None),
        ("nurse_north", "DELETE FROM patients", None),
        ("nurse_north", "TRUNCATE patients", None),
        ("nurse_north", "CREATE TABLE mine (x integer)", None),
        ("nurse_north", "SELECT * FROM audit", None),
        ("nurse_north", "INSERT INTO audit VALUES (1, 'x', '', '')", None),
        ("auditor", "SELECT * FROM patients", None),
        ("auditor", "SELECT * FROM audit", []),
        ("auditor", "SELECT note('read', 0)", None),
        ("auditor", "UPDATE audit SET entry = 'x'", None),
        ("service", "SELECT * FROM patients", None),
        ("service", "SELECT note('read', 0)", None),
        ("records_owner", "SELECT clinic FROM patients", []),
    ],
)
def test_who_may_do_what(hospital, role, statement, expected):
    assert as_role(hospital, role, statement) == expected


@pytest.mark.slow
def test_a_row_for_the_other_clinic_is_refused_and_a_clinic_that_does_not_exist(hospital):
    insert = "INSERT INTO patients VALUES (7, '{}', '2026-01-05', 'n', 1, 'w', 's')"
    assert as_role(hospital, "nurse_north", insert.format("south")) is None
    assert as_role(hospital, "nurse_north", insert.format("north")) == [()]
    with pytest.raises(psycopg.errors.CheckViolation):
        hospital.execute(insert.format("west"))


@pytest.mark.slow
def test_a_session_setting_opens_nothing(hospital):
    with hospital.transaction(force_rollback=True):
        hospital.execute(SQL("SET LOCAL ROLE {}").format(Identifier(this_run.name("nurse_north"))))
        hospital.execute("SET LOCAL app.clinic = 'south'; SET LOCAL row_security = on")
        assert hospital.execute("SELECT DISTINCT clinic FROM patients").fetchall() == [("north",)]
        hospital.execute("SET LOCAL row_security = off")  # asks for an error instead of a filter, never for the rows
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            hospital.execute("SELECT * FROM patients")


@pytest.mark.slow
def test_the_chain_has_one_end_with_many_writers(hospital):
    def write(writer: int) -> None:
        options = f"-c search_path={this_run.name('records')}"
        with psycopg.connect(hospital.info.dsn, password=hospital.info.password, options=options) as own:
            for _ in range(10):
                with own.transaction():
                    own.execute(SQL("SET LOCAL ROLE {}").format(Identifier(this_run.name("nurse_north"))))
                    own.execute("SELECT note('read', %s)", (writer,))

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(4)))
    previous = b"\0"
    trail = hospital.execute("SELECT seq, entry, previous, hash FROM audit ORDER BY seq").fetchall()
    assert [seq for seq, *_ in trail] == list(range(1, 41))
    for seq, entry, before, digest in trail:
        assert before == previous and digest == hashlib.sha256(before + entry.encode()).digest()
        number, _, account, role, action, _ = json.loads(entry)
        assert (number, account, role, action) == (seq, "postgres", this_run.name("nurse_north"), "read")
        previous = digest
