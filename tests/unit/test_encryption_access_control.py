"""The patients, and the SQL that guards them: what the notebook encryption_access_control stands on."""

import ast
import hashlib
import hmac
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier, Literal

from companion import SettingError, this_run
from companion.book import chapter
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


def ask(owner, shown: dict[str, str], *statements: str, role: str | None = None, account: str = "service"):
    """Rows of the last of some statements in one transaction that is taken back, None when one is refused."""
    with login(owner, account) as connection:
        try:
            connection.execute(sql.statements("access/records")["begin"], shown)
            if role:
                connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(this_run.name(role))))
            for statement in statements:
                done = connection.execute(statement.replace("$run", this_run.SUFFIX))
            return done.fetchall() if done.description else [()] * done.rowcount
        except psycopg.errors.InsufficientPrivilege:
            return None
        finally:
            connection.rollback()


def noted(owner, shown: dict[str, str], action: str, patient: int | None, role: str | None = "nurse") -> int:
    """An entry of the trail, committed."""
    with login(owner) as connection:
        connection.execute(sql.statements("access/records")["begin"], shown)
        if role:
            connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(this_run.name(role))))
        return connection.execute("SELECT note(%s, %s)", (action, patient)).fetchone()[0]


@pytest.mark.slow
def test_who_may_do_what(hospital):
    none, hana, zoe, ivo = ticket(), ticket(HANA), ticket(ZOE), ticket(IVO)
    for account, role, shown, statement, expected in (
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
        assert ask(hospital, shown, statement, role=role, account=account) == expected, (role, statement)


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
    "both in one statement": ("SELECT r.sealed FROM note('read', 0) AS number, sealed_record(number) AS r",),
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
        ("AND written IS DISTINCT FROM pg_current_xact_id_if_assigned()", "", "both in one statement"),
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
    for shown in (
        ticket(HANA, seconds=-1),
        ticket(HANA, key=bytes(64)),
        ticket(HANA) | {"mac": ticket(ZOE)["mac"]},
        ticket(HANA) | {"mac": "'"},
        ticket(HANA) | {"claims": "not json"},
        {"claims": "not json", "mac": hmac.new(bytes(64), b"not json", "sha256").hexdigest()},
        {"claims": "\N{SNOWMAN}" * 9_000, "mac": "f" * 9_000},
    ):
        assert ask(hospital, shown, SEE, role="nurse") == []
        assert ask(hospital, shown, "SELECT note('read', 0)", role="nurse") is None
        assert ask(hospital, shown, "SELECT sealed FROM sealed_record(1)", role="nurse") is None
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
    assert ask(hospital, ticket((None, "nurse", "north")), "SELECT note('read', 0)") is None, (
        "nor does somebody without a name"
    )


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
    before, held = len(log.read_bytes()), ticket(HANA)
    with login(owner) as one, login(owner) as thief:
        one.execute(sql.statements("access/records")["begin"], held)
        shown = str(thief.execute("SELECT query FROM pg_stat_activity").fetchall())
        one.execute(SQL("SET LOCAL ROLE {}").format(Identifier(this_run.name("nurse"))))
        one.execute("SELECT note('read', 0)")
    said = log.read_bytes()[before:].decode()
    assert "set_config('records.claims', $1" in said and "set_config('records.claims', $1" in shown
    assert held["mac"] not in shown
    assert (held["mac"] in said) != kept, "a ticket in the log is a ticket for whoever reads logs"
    key = bytes(64).hex()
    with owner.transaction(force_rollback=True):
        owner.execute("SET LOCAL log_statement = 'all'; SET LOCAL log_min_duration_statement = 0")
        owner.execute(sql.statements("access/roles")["quiet"])
        owner.execute("SELECT %s::bytea, 'after quiet'", (bytes(64),))
    assert key not in (after := log.read_text()) and "after quiet" not in after


# the notebook's own functions, and the references of its exercises

CHAPTER = chapter("encryption_access_control")


def defined() -> dict:
    """What the notebook's cells define: their functions, classes and imports, and what is assigned in capitals."""
    found: dict = {"provider": (provider := Ed25519PrivateKey.generate()), "trusted": provider.public_key()}
    found |= {"ticket_key": KEY, "tables": sql.statements("access/records"), "notary": provider}
    found = chapters.definitions(CHAPTER, lambda node: ast.unparse(node.targets[0]).isupper(), **found)
    for source in chapters.solutions(CHAPTER).values():
        exec(source, found)  # noqa: S102
    return found


NB = defined()
ROW = {"patient_id": 7, "clinic": "north", "version": 1}


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.integers(0, 3000), max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_sealed_record_opens_in_its_place_alone_and_its_length_says_nothing(record):
    keys = NB["KeyService"]()
    try:
        row = NB["seal"](keys, ROW, record)
    except ValueError:
        assert len(json.dumps(record)) > NB["PADDED"]
        return
    assert NB["unseal"](keys, row) == NB["unseal_newest"](keys, row) == record
    assert len(row["sealed"]) == 12 + NB["PADDED"] + 16
    other = NB["seal"](keys, ROW | {"patient_id": 8}, record)
    keys.add_version()
    for change in (
        {"patient_id": 8}, {"clinic": "south"}, {"version": 2}, {"key_version": 2}, {"key_version": 9}, {"key_version": None},
        {"sealed": other["sealed"]}, {"wrapped_key": other["wrapped_key"]}, {"sealed": b""}, {"wrapped_key": b"x" * 40}, {"wrapped_key": b""},
    ):  # fmt: skip
        with pytest.raises(NB["Unsealable"]):
            NB["unseal"](keys, row | change)
    rewrapped = dict(zip(("key_version", "wrapped_key"), keys.rewrap(1, row["wrapped_key"]), strict=True))
    assert NB["unseal"](keys, row | rewrapped) == record and rewrapped["key_version"] == 2
    NB["seal"](keys, ROW | {"version": 2}, {})
    with pytest.raises(NB["Unsealable"], match="not the newest"):
        NB["unseal_newest"](keys, row)
    keys.destroy_old()
    with pytest.raises(NB["Unsealable"]):
        NB["unseal"](keys, row)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
@settings(max_examples=25, deadline=None)
def test_the_product_in_gcms_field_gives_the_librarys_tags(key, text):
    nonce = bytes(12)
    found = AESGCM(key).encrypt(nonce, text, None)
    block = Cipher(AES(key), ECB()).encryptor()  # noqa: S305  (GCM is made of it)
    h, mask = (int.from_bytes(block.update(b)) for b in (bytes(16), nonce + b"\0\0\0\1"))
    tag = NB["times"](NB["times"](int.from_bytes(found[:16]), h) ^ 128, h) ^ mask
    assert tag == int.from_bytes(found[16:])
    assert h == 0 or NB["times"](h, NB["inverse"](h)) == 1 << 127


HEADERS = (
    "", "Bearer", "Bearer ", "Bearer x", "Bearer x.y", "Bearer x.y.z", "Bearer ...", "Bearer ....", "Basic aGFuYTpoYW5h", "Bearer \xe9.\xe9.\xe9",
    "Bearer " + "A" * 100_000 + ".B.C", "Bearer bnVsbA==.bnVsbA==.bnVsbA==", "Bearer {}.{}.{}", "Bearer null", "Bearer ' OR 1=1 --",
)  # fmt: skip
PATIENTS = (
    "0",
    "2147483647",
    "2147483648",
    "9" * 400,
    "-1",
    "1.5",
    "1e3",
    "0x10",
    "'",
    "1;SELECT",
    "%00",
    "1%20OR%201=1",
    "\u0663",
    "..%2f1",
    "",
)


@given(st.text(max_size=40) | st.sampled_from(HEADERS))
@settings(max_examples=200, deadline=None)
def test_what_is_no_token_has_no_claims(text):
    assert NB["claims_of"](text.removeprefix("Bearer ")) is None


@pytest.mark.parametrize("part", [0, 1])
def test_a_token_changed_in_one_character_says_the_same_or_nothing(part):
    """The service looks at the first two parts; the third is the database's."""
    whole = NB["token"](*HANA)
    claims, parts = NB["claims_of"](whole), whole.split(".")
    for place in range(0, len(parts[part]), 7):
        for letter in "A-_!":
            changed = parts[part][:place] + letter + parts[part][place + 1 :]
            assert NB["claims_of"](".".join([*parts[:part], changed, *parts[part + 1 :]])) in (None, claims)
    assert NB["claims_of"](NB["token"](*HANA, seconds=-1)) is None


@pytest.fixture
def service(hospital):
    """The notebook's service before the real database, with one sealed patient in each clinic; and how to ask it."""
    keys = NB["KeyService"]()
    NB["names"] = {role: Identifier(this_run.name(role)) for role in ROLES}
    tables = sql.statements("access/records")
    for number, where in enumerate(clinic.CLINICS):
        row = {"patient_id": number, "clinic": where, "version": 1, "appointment": "2026-01-05", "name_index": b"n"}
        hospital.execute("DELETE FROM patients WHERE patient_id = %s", (number,))
        hospital.execute(tables["insert"], NB["seal"](keys, row, {"diagnosis": where}))
    options = f"-c search_path={this_run.name('records')}"
    own = {"user": this_run.name("service"), "password": PASSWORD, "options": options}
    with psycopg.connect(hospital.info.dsn, **own, autocommit=True, prepare_threshold=None) as database:
        yield NB["create_service"](keys, database).test_client(), database


@pytest.mark.slow
def test_hostile_requests_get_a_clear_refusal_an_entry_and_harm_nobody(hospital, service):
    client, database = service
    hana = {"Authorization": "Bearer " + NB["token"](*HANA)}
    claims, signature, code = NB["token"](*HANA).split(".")
    foreign = NB["token"](*ZOE).split(".")
    tokens = [
        f"Bearer {claims}.{signature}.{foreign[2]}",
        f"Bearer {claims}.{signature}.",
        f"Bearer {claims}.{signature}.{code[4:]}",
    ]

    def entries() -> list:
        return [json.loads(e)[3:] for (e,) in hospital.execute("SELECT entry FROM audit ORDER BY seq")]

    for header in HEADERS:
        before = len(entries())
        got = client.get("/patients/0", headers={"Authorization": header})
        assert got.status_code == 401 and got.headers["WWW-Authenticate"] == "Bearer", header
        assert entries()[before:] == [[None, None, None, "refused", 0]], header
    for header in tokens:  # a signature for the service without the code for the database
        got = client.get("/patients/0", headers={"Authorization": header})
        assert got.status_code == 403 and entries()[-1] == [None, None, None, "refused", 0], header
    for patient in PATIENTS:
        got = client.get(f"/patients/{patient}", headers=hana)
        assert got.status_code in (200, 404) and (got.status_code == 404 or got.get_json() == {"diagnosis": "north"})
        assert got.status_code == 404 or patient == "0"
    for method in ("post", "put", "delete", "patch"):
        assert getattr(client, method)("/patients/0", headers=hana).status_code == 405
    assert (
        client.get(
            "/patients/0", headers={"Authorization": hana["Authorization"].replace("Bearer", "bEARER")}
        ).status_code
        == 200
    )
    assert client.get("/patients/1", headers=hana).status_code == 404 and entries()[-1][3:] == ["missed", 1]
    for role, where in (("admin", "north"), ("", "north"), ("nurse'; RESET ROLE; --", "north"), ("desk", "north")):
        got = client.get("/patients/0", headers={"Authorization": "Bearer " + NB["token"]("eve", role, where)})
        assert got.status_code == 403 and entries()[-1] == ["eve", role, where, "refused", 0]
    assert client.get("/patients/0", headers=hana).get_json() == {"diagnosis": "north"}, "and the service still serves"
    assert NB["first_break"](chained(hospital)) is None
    # what an injected statement leaves in the session is gone with the next request
    database.execute(
        "CREATE TEMP TABLE patients (patient_id integer); SET search_path = pg_temp; SET records.claims = 'x'"
    )
    assert client.get("/patients/0", headers=hana).get_json() == {"diagnosis": "north"}
    assert database.execute("SELECT to_regclass('pg_temp.patients')").fetchone() == (None,)


@pytest.mark.slow
def test_a_row_of_yesterday_and_a_row_of_somebody_else_are_noted_as_broken(hospital, service):
    client, _ = service
    hana = {"Authorization": "Bearer " + NB["token"](*HANA)}
    for spoil in ("sealed = 'x'", "version = 2", "wrapped_key = 'x'", "key_version = 77"):
        with hospital.transaction():
            kept = hospital.execute(
                "SELECT version, key_version, wrapped_key, sealed FROM patients WHERE patient_id = 0"
            ).fetchone()
            hospital.execute(f"UPDATE patients SET {spoil} WHERE patient_id = 0")  # noqa: S608  (spoil is ours)
        got = client.get("/patients/0", headers=hana)
        assert got.status_code == 500 and got.get_json() == {"error": "this record is not as it was sealed"}
        assert (
            hospital.execute("SELECT entry FROM audit ORDER BY seq DESC LIMIT 1").fetchone()[0].endswith('"broken", 0]')
        )
        hospital.execute(
            "UPDATE patients SET (version, key_version, wrapped_key, sealed) = (%s, %s, %s, %s) WHERE patient_id = 0",
            kept,
        )
    assert client.get("/patients/0", headers=hana).status_code == 200


def chained(owner) -> list[dict]:
    rows = owner.execute("SELECT seq, entry, previous, hash FROM audit ORDER BY seq").fetchall()
    return [dict(zip(("seq", "entry", "previous", "hash"), row, strict=True)) for row in rows]


@given(st.lists(st.text(max_size=5), min_size=1, max_size=12), st.data())
@settings(max_examples=80, deadline=None)
def test_a_trail_shows_each_change_by_its_chain_or_by_the_witness(texts, data):
    good = NB["rechained"]([{"entry": text} for text in texts])
    at = data.draw(st.integers(0, len(texts) - 1))
    witness = [NB["anchor"](entry) for entry in good]
    assert NB["first_break"](good) is None and NB["contradicts"](good, witness) is None
    edited = [*good[:at], good[at] | {"entry": texts[at] + "!"}, *good[at + 1 :]]
    assert NB["first_break"](edited) == at + 1
    again = NB["rechained"](edited)
    assert NB["first_break"](again) is None and NB["contradicts"](again, witness) == at + 1
    assert NB["contradicts"](again, witness[:at]) is None, "before the change nobody can tell"
    assert NB["contradicts"](good[:at], witness) == at + 1
    if at + 1 < len(good):
        assert NB["first_break"]([*good[:at], *good[at + 1 :]]) == at + 1


@given(st.text(), st.text(), st.sampled_from([16, 24, 32]))
@settings(max_examples=50, deadline=None)
def test_the_reference_seals_any_text_in_any_place(text, place, size):
    key = os.urandom(size)
    note = NB["seal_note"](key, text, place)
    assert AESGCM(key).decrypt(note[:12], note[12:], place.encode()).decode() == text


@given(
    st.lists(st.integers(1, 3), max_size=6), st.integers(1, 3), st.none() | st.tuples(st.integers(0, 5), st.booleans())
)
@settings(max_examples=80, deadline=None)
def test_the_reference_rotates_all_that_differ_or_nothing(versions, target, damage):
    masters = {n: os.urandom(32) for n in (1, 2, 3)}
    plain = [os.urandom(32) for _ in versions]
    store = {
        n: {"version": v, "wrapped": NB["aes_key_wrap"](masters[v], plain[n]), "sealed": b"s", "ward": 3}
        for n, v in enumerate(versions)
    }
    error = None
    if damage and damage[0] < len(versions) and versions[damage[0]] != target:
        number, of_key = damage
        store[number].update({"wrapped": os.urandom(40)} if of_key else {"version": 9})
        error = InvalidUnwrap if of_key else KeyError
    before = {n: dict(row) for n, row in store.items()}
    if error:
        with pytest.raises(error):
            NB["rotate_store"](store, masters, target)
        assert store == before
        return
    assert NB["rotate_store"](store, masters, target) == sum(v != target for v in versions)
    for n, row in store.items():
        assert row == before[n] | {"version": target, "wrapped": row["wrapped"]}
        assert NB["aes_key_unwrap"](masters[target], row["wrapped"]) == plain[n]


@given(st.lists(st.binary(max_size=4), max_size=8), st.dictionaries(st.integers(0, 9), st.booleans(), max_size=4))
@settings(max_examples=80, deadline=None)
def test_the_reference_says_ok_exactly_when_chain_and_every_anchor_hold(texts, anchors):
    trail, previous = [], bytes(32)
    for text in texts:
        previous = hashlib.sha256(previous + text).digest()
        trail.append({"text": text, "hash": previous})
    known = {at: trail[at]["hash"] if right and at < len(trail) else bytes(32) for at, right in anchors.items()}
    agrees = all(right and at < len(trail) for at, right in anchors.items())
    assert NB["verify"](trail, known) == ("ok" if agrees else "witness")
    if trail:
        assert NB["verify"]([*trail[:-1], trail[-1] | {"text": trail[-1]["text"] + b"!"}], known) == "chain"
