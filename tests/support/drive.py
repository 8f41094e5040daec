"""Google Drive as PySyft's own simulation has it, in the place where PySyft would log in with a token."""

#: to be run first, in a process of its own: a token file holds its account's address
FAKE_GOOGLE = """
import os, pathlib, sys
import syft.sync.connections.drive.gdrive_transport as transport
from syft.sync.connections.drive.mock_drive_service import MockDriveBackingStore, MockDriveService
store = MockDriveBackingStore()
def from_token(cls, email, token_path, **options):
    assert pathlib.Path(token_path).read_text() == email
    connection = cls(email=email, token_path=token_path)
    connection.setup(drive_service=MockDriveService(store, email), **options)
    return connection
transport.GDriveConnection.from_token_path = classmethod(from_token)
"""


def accounts(folder) -> dict[str, str]:
    """Token files of both parties in a folder, and the four variables that point at them."""
    variables = {}
    for party in ("DO", "DS"):
        (folder / party).write_text(f"{party.lower()}@example.org")
        variables[f"SYFT_{party}_EMAIL"] = f"{party.lower()}@example.org"
        variables[f"SYFT_{party}_TOKEN_PATH"] = str(folder / party)
    return variables
