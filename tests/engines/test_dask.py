"""Dask on a reader's own cluster: certificates, other addresses, workers without our package or our files."""

import datetime
import ipaddress
import os

import pytest
from dask_cluster import by_hand

from companion import EngineUnavailable
from companion.engines import dask

CA, CERTIFICATE, KEY = (
    "DASK_DISTRIBUTED__COMM__TLS__CA_FILE",
    "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT",
    "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY",
)


def authority(folder, name: str) -> dict[str, str]:
    """An authority of its own and a certificate that it has signed; paths by Dask's variable."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.UTC)
    root, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def signed(subject: str, public, is_authority: bool) -> x509.Certificate:
        loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        return (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named(f"{name} authority"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(loopback, critical=False)
            .sign(root, hashes.SHA256())
        )

    def pem(what) -> bytes:
        if isinstance(what, x509.Certificate):
            return what.public_bytes(serialization.Encoding.PEM)
        kinds = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return what.private_bytes(serialization.Encoding.PEM, *kinds)

    files = {
        CA: signed(f"{name} authority", root.public_key(), True),
        CERTIFICATE: signed("loopback", key.public_key(), False),
        KEY: key,
    }
    place = folder / name
    place.mkdir()
    found = {variable: str(place / f"{number}.pem") for number, variable in enumerate(files)}
    for variable, what in files.items():
        (place / os.path.basename(found[variable])).write_bytes(pem(what))
    return found


@pytest.fixture
def here(monkeypatch, no_live_engines, scratch):
    """Sets the variables of a reader's shell."""

    def set_(address: str, certificates: dict[str, str] | None = None) -> None:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
        for name, path in (certificates or {}).items():
            monkeypatch.setenv(name, path)

    return set_


@pytest.mark.slow
def test_an_encrypted_cluster_is_reached_with_the_certificates_of_dasks_own_variables(tmp_path, here):
    ours, theirs = authority(tmp_path, "ours"), authority(tmp_path, "theirs")
    options = ("--tls-ca-file", ours[CA], "--tls-cert", ours[CERTIFICATE], "--tls-key", ours[KEY])
    with by_hand(tmp_path, scheme="tls", scheduler=options, worker=options) as address:
        here(address)
        with pytest.raises(EngineUnavailable, match=f"{CA}, {CERTIFICATE}, {KEY}"):
            dask.connect()
        assert dask.probe().mode == "missing" and CA in dask.probe().detail
        here(address, theirs)
        with pytest.raises(EngineUnavailable, match="may not accept these certificates"):
            dask.connect(timeout=3)
        here(address, ours)
        with dask.connect() as client:
            assert client.submit(sum, [1, 2, 3]).result() == 6
            assert all(worker.startswith("tls://") for worker in client.scheduler_info()["workers"])
            dask.require(client, tmp_path)
        assert dask.probe().mode == "live"
        here(address.replace("tls://", "tcp://"))
        with pytest.raises(EngineUnavailable, match="One that is encrypted has an address with tls://"):
            dask.connect(timeout=3)


@pytest.mark.parametrize("scheme", ["tls", "wss"])
@pytest.mark.parametrize("given", [(), (CERTIFICATE, KEY), (CA,)])
def test_an_encrypted_address_says_which_certificates_it_wants(scheme, given, here, tmp_path):
    certificates = authority(tmp_path, "ours")
    here(f"{scheme}://127.0.0.1:1", {name: certificates[name] for name in given})
    with pytest.raises(EngineUnavailable, match=rf"{scheme}://.*is encrypted.*Set {CA}, {CERTIFICATE}, {KEY}"):
        dask.connect(timeout=2)


def test_a_certificate_that_is_not_there_or_none_is_said(here, tmp_path):
    (tmp_path / "empty.pem").touch()
    for wrong in ("gone.pem", "empty.pem"):
        here("tls://127.0.0.1:1", dict.fromkeys((CA, CERTIFICATE, KEY), str(tmp_path / wrong)))
        with pytest.raises(EngineUnavailable, match=rf"can't be read \(.*\): {CA}"):
            dask.connect(timeout=2)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8787", "https://127.0.0.1:8787/status", "spark://127.0.0.1:7077"]
)
def test_an_address_that_is_none_of_dasks_says_so(address, here):
    here(address)
    with pytest.raises(EngineUnavailable, match=r"begin with tcp://, tls://, ws://, wss://.*dashboard's address"):
        dask.connect(timeout=2)
    assert dask.probe().mode == "missing"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ws://127.0.0.1:1"])
def test_a_plain_address_with_nobody_behind_it_says_so(address, here):
    here(address)
    with pytest.raises(EngineUnavailable, match=f"no Dask scheduler answers at DASK_SCHEDULER_ADDRESS={address}"):
        dask.connect(timeout=2)


@pytest.mark.slow
def test_websockets_are_as_good(tmp_path, here):
    with by_hand(tmp_path, scheme="ws") as address:
        here(address)
        with dask.connect() as client:
            assert client.submit(sum, [1, 2, 3]).result() == 6


BLOCK = "import sys\nsys.modules['companion'] = None\n"


@pytest.mark.slow
def test_workers_without_our_package_are_told_before_the_first_task(tmp_path, here):
    (tmp_path / "block.py").write_text(BLOCK)
    with by_hand(tmp_path, worker=("--preload", str(tmp_path / "block.py"))) as address:
        here(address)
        with (
            dask.connect() as client,
            pytest.raises(EngineUnavailable, match=r"2 of 2 Dask workers.*no package companion"),
        ):
            dask.require(client, tmp_path)


@pytest.mark.slow
def test_workers_that_do_not_see_our_files_are_told_before_the_first_task(scratch, no_live_engines, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    with dask.connect(n_workers=1) as client:
        dask.require(client)
        dask.require(client, shared)
        elsewhere = Elsewhere(client)
        with pytest.raises(EngineUnavailable, match=r"1 of 1 Dask workers.*don't see the files.*COMPANION_WORKSPACE"):
            dask.require(elsewhere, shared)
        assert list(shared.iterdir()) == [], "it leaves nothing in the folder"
        with pytest.raises(EngineUnavailable, match=r"1 of 1 Dask workers.*another Python"):
            dask.require(Older(client), shared)


class Elsewhere:
    """A client whose workers have another disk under the same path."""

    def __init__(self, client):
        self.client = client

    def get_versions(self) -> dict:
        return self.client.get_versions()

    def run(self, function, path: str) -> dict:
        return self.client.run(function, path.replace("/", "/elsewhere/", 1))


class Older(Elsewhere):
    """A client whose workers have another Python."""

    def get_versions(self) -> dict:
        found = self.client.get_versions()
        for worker in found["workers"].values():
            worker["host"]["python"] = "3.9.1.final.0"
        return found


@pytest.mark.slow
def test_a_live_cluster_need_not_be_as_large_as_this_machine(tmp_path, here):
    with by_hand(tmp_path, workers=2) as address:
        here(address)
        with dask.connect(n_workers=8) as client:
            assert len(client.scheduler_info()["workers"]) == 2
    with by_hand(tmp_path, workers=1) as address:
        here(address)
        with dask.connect(n_workers=1) as client:
            assert client.submit(sum, [1]).result() == 1
        with pytest.raises(EngineUnavailable, match="fewer than 2 workers"):
            dask.connect(timeout=3)
