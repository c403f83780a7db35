"""Certificates of the test network."""

from dataclasses import dataclass
from pathlib import Path

from support.hosts.processes import run

NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
VALIDITY = ("-days", "30")


@dataclass(frozen=True)
class Certificate:
    """Files of a certificate and its key."""

    chain: Path
    key: Path


class Authority:
    """A certification authority in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.certificate = folder / "ca.crt"
        self._key = folder / "ca.key"
        files = ("-keyout", self._key, "-out", self.certificate)
        run("openssl", "req", "-x509", *NEW_KEY, *files, *VALIDITY, "-subj", f"/CN={folder.name}")

    def issue(self, *names: str) -> Certificate:
        """Return a new certificate for these host names and IP addresses."""
        number = len(list(self._folder.glob("*.csr")))
        key, request, chain = (self._folder / f"{number}.{suffix}" for suffix in ("key", "csr", "crt"))
        extension = ",".join(f"{'IP' if name.replace('.', '').isdigit() else 'DNS'}:{name}" for name in names)
        extensions = self._folder / f"{number}.ext"
        extensions.write_text(f"subjectAltName={extension}\n")
        run("openssl", "req", *NEW_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={names[0]}")
        signed_by = ("-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial")
        run("openssl", "x509", "-req", "-in", request, *signed_by, *VALIDITY, "-out", chain, "-extfile", extensions)
        return Certificate(chain, key)
