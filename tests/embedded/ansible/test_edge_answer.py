"""The module `edge_answer` as Ansible runs it, against a server with a certificate of its own."""

import http.server
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ROOT / ".venv-ansible" / "bin"
DOMAIN = "collect.test"


def certificate(folder: Path, name: str) -> Path:
    """Return a new certificate in PEM; its key is beside it."""
    path = folder / f"{name}.pem"
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path.with_suffix(".key"))
    subprocess.run(("openssl", "req", "-x509", *key, "-subj", f"/CN={DOMAIN}", "-out", path), check=True, capture_output=True)
    return path


@dataclass
class Edge:
    """A server on this machine, and what it was asked for."""

    port: int
    certificate: Path
    another: Path
    asked: list[tuple[str, str, str]]  # name in TLS, host, path

    def ask(self, path: str, certificate: Path, *, port: int = 0) -> subprocess.CompletedProcess[str]:
        options = f"host=127.0.0.1 port={port or self.port} domain={DOMAIN} path={path} certificate={certificate} timeout=0"
        command = (PROGRAMS / "ansible", "localhost", "--module-name", "edge_answer", "--args", options)
        environment = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(certificate.parent),
            "LANG": "C.UTF-8",
            "ANSIBLE_NOCOLOR": "1",
        }
        return subprocess.run(command, cwd=ROOT / "ansible", env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    names: list[str] = []
    asked: list[tuple[str, str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((names[-1], self.headers["Host"], self.path))
            self.send_response(200 if self.path == "/headrace.js" else 502)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    own = certificate(tmp_path, "own")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, own.with_suffix(".key"))
    context.sni_callback = lambda _, name, __: names.append(name)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Edge(server.server_address[1], own, certificate(tmp_path, "another"), asked)
        finally:
            server.shutdown()
            thread.join()


def test_a_host_that_answers_with_the_certificate_is_asked_for_the_domain(edge: Edge) -> None:
    result = edge.ask("/headrace.js", edge.certificate)
    assert (result.returncode, edge.asked) == (0, [(DOMAIN, f"{DOMAIN}:{edge.port}", "/headrace.js")]), result.stdout


def test_another_status_is_an_error_that_names_it(edge: Edge) -> None:
    result = edge.ask("/health", edge.certificate)
    assert (result.returncode, "answers 502" in result.stdout) == (2, True), result.stdout


def test_another_certificate_is_an_error(edge: Edge) -> None:
    result = edge.ask("/headrace.js", edge.another)
    assert (result.returncode, "presents another certificate" in result.stdout) == (2, True), result.stdout


def test_a_host_without_a_server_is_an_error(edge: Edge) -> None:
    result = edge.ask("/headrace.js", edge.certificate, port=1)
    assert (result.returncode, "does not answer" in result.stdout) == (2, True), result.stdout
