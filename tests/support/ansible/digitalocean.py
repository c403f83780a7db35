"""A fake of DigitalOcean's API, version 2: the part that droplets need, in memory, as the public description of the API says."""

import base64
import hashlib
import itertools
import json
import re
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]
Answer = tuple[int, Object | None]

RATE_LIMIT = 5000
DEFAULT_PER_PAGE, MAX_PER_PAGE = 20, 200
IDS = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 422: "unprocessable_entity", 429: "too_many_requests"}
FIELDS = {
    "ssh_keys": ({"name", "public_key"}, set()),
    "tags": ({"name"}, set()),
    "vpcs": ({"name", "region"}, {"ip_range", "description"}),
    "firewalls": ({"name", "inbound_rules", "outbound_rules"}, {"tags", "droplet_ids"}),
    "droplets": (
        {"name", "size", "image"},
        {"region", "ssh_keys", "backups", "ipv6", "monitoring", "tags", "user_data", "volumes", "vpc_uuid", "with_droplet_agent"},
    ),
}


@dataclass
class FailedRequest:
    """Answers the next `times` requests of a method and path with an error; with `after`, once they have been carried out.

    The status 0 means that the connection ends without an answer.
    """

    method: str
    path: str
    status: int
    times: int = 1
    after: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeDigitalOcean:
    """The account and what was asked of it. `calls` holds the method, the path and the status of each request."""

    token: str
    polls_until_active: int = 2  # GETs of a droplet, alone or in a list, before it is active
    polls_until_gone: int = 1  # lists of droplets and deletions of its network before a deleted droplet is gone
    public_ips: Iterator[str] = field(default_factory=lambda: (f"203.0.113.{number}" for number in itertools.count(11)))
    has_default_network: bool = True
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    bodies: list[Object] = field(default_factory=list)
    failures: list[FailedRequest] = field(default_factory=list)
    droplets: dict[str, Object] = field(default_factory=dict)
    ssh_keys: dict[str, Object] = field(default_factory=dict)
    vpcs: dict[str, Object] = field(default_factory=dict)
    firewalls: dict[str, Object] = field(default_factory=dict)
    tags: dict[str, Object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.url = ""
        self._numbers = itertools.count(3164494)
        self._polls: dict[str, int] = {}
        self._leaving: dict[str, int] = {}
        if self.has_default_network:
            self._new_vpcs({"name": "default-fra1", "region": "fra1"})

    @property
    def changes(self) -> list[tuple[str, str]]:
        """The requests that changed, or would change, the account."""
        return [(method, path) for method, path, _ in self.calls if method != "GET"]

    def add_droplet(self, name: str, tags: list[str], **values: Any) -> Object:
        """Add a droplet that something else created."""
        body = {"name": name, "size": "s-4vcpu-8gb", "image": "debian-13-x64", "region": "fra1", "tags": tags, **values}
        created = self._new_droplets(body)
        assert created is not None, "the droplet needs a network and known keys"
        droplet: Object = created["droplet"]
        self._polls[str(droplet["id"])] = 0
        self._activate(droplet)
        return droplet

    def answer(self, method: str, path: str, query: dict[str, str], body: Object) -> Answer:
        """Carry out an authorized request."""
        if match := re.fullmatch(r"(account/keys|droplets|vpcs|firewalls|tags)(?:/([^/]+))?", path):
            kind, identifier = match[1].replace("account/keys", "ssh_keys"), match[2]
            if identifier is None and method == "GET":
                return self._page(kind, path, query)
            if identifier is None and method == "POST":
                return self._create(kind, body)
            if identifier is not None and (item := self._find(kind, identifier)) is not None:
                return {"GET": self._get, "DELETE": self._delete, "PUT": self._put}[method](kind, item, body)
        return 404, None

    def _find(self, kind: str, identifier: str) -> Object | None:
        items: dict[str, Object] = getattr(self, kind)
        if kind == "ssh_keys" and ":" in identifier:
            return next((key for key in items.values() if key["fingerprint"] == identifier), None)
        return items.get(identifier)

    def _page(self, kind: str, path: str, query: dict[str, str]) -> Answer:
        if kind == "droplets":
            self._let_leave()
            self._let_start(self.droplets.values())
        items = list(getattr(self, kind).values())
        if tag := query.get("tag_name"):
            items = [item for item in items if tag in item["tags"]]
        page, per_page = int(query.get("page", 1)), int(query.get("per_page", DEFAULT_PER_PAGE))
        if not (page >= 1 and 1 <= per_page <= MAX_PER_PAGE):
            return 400, None
        pages: dict[str, str] = {}
        last = -(-len(items) // per_page)
        if page < last:
            pages = {name: f"{self.url}/v2/{path}?page={to}&per_page={per_page}" for name, to in (("next", page + 1), ("last", last))}
        some = items[(page - 1) * per_page : page * per_page]
        return 200, {kind: some, "links": {"pages": pages} if pages else {}, "meta": {"total": len(items)}}

    def _create(self, kind: str, body: Object) -> Answer:
        required, optional = FIELDS[kind]
        if not required <= body.keys() <= required | optional:
            return 422, None
        created = getattr(self, f"_new_{kind}")(body)
        if created is None:
            return 422, None
        return 202 if kind in {"droplets", "firewalls"} else 201, created

    def _new_ssh_keys(self, body: Object) -> Object | None:
        digest = hashlib.md5(base64.b64decode(body["public_key"].split()[1])).hexdigest()
        key = {"id": next(self._numbers), "fingerprint": ":".join(re.findall("..", digest)), **body}
        if self._find("ssh_keys", key["fingerprint"]):
            return None
        self.ssh_keys[str(key["id"])] = key
        return {"ssh_key": key}

    def _new_tags(self, body: Object) -> Object:
        tag = self.tags.setdefault(body["name"], {**body, "resources": {"count": 0}})
        return {"tag": tag}

    def _new_vpcs(self, body: Object) -> Object | None:
        if any(vpc["name"] == body["name"] for vpc in self.vpcs.values()):
            return None
        is_default = not any(vpc["region"] == body["region"] for vpc in self.vpcs.values())
        identifier = str(uuid.uuid4())
        vpc = {"description": "", "ip_range": f"10.{110 + len(self.vpcs)}.0.0/20", **body}
        self.vpcs[identifier] = {
            "id": identifier,
            "urn": f"do:vpc:{identifier}",
            "default": is_default,
            "created_at": "2026-01-01T00:00:00Z",
            **vpc,
        }
        return {"vpc": self.vpcs[identifier]}

    def _new_firewalls(self, body: Object) -> Object | None:
        if not self._is_firewall(body) or any(firewall["name"] == body["name"] for firewall in self.firewalls.values()):
            return None
        identifier = str(uuid.uuid4())
        self.firewalls[identifier] = {
            "id": identifier, "status": "waiting", "created_at": "2026-01-01T00:00:00Z", "pending_changes": [], "droplet_ids": [], **body,
        }  # fmt: skip
        return {"firewall": self.firewalls[identifier]}

    def _is_firewall(self, body: Object) -> bool:
        rules = [*body["inbound_rules"], *body["outbound_rules"]]
        named = {tag for rule in rules for tag in (rule.get("sources") or rule.get("destinations") or {}).get("tags", [])}
        return {*named, *body.get("tags", [])} <= self.tags.keys() and all({"protocol", "ports"} <= rule.keys() for rule in rules)

    def _new_droplets(self, body: Object) -> Object | None:
        known = {str(key[name]) for key in self.ssh_keys.values() for name in ("id", "fingerprint")}
        vpc = body.get("vpc_uuid") or next((identifier for identifier, item in self.vpcs.items() if item["default"]), "")
        if vpc not in self.vpcs or not {str(key) for key in body.get("ssh_keys", [])} <= known:
            return None
        number = next(self._numbers)
        for tag in body.get("tags") or []:
            self._new_tags({"name": tag})
        droplet = {
            "id": number, "name": body["name"], "memory": 8192, "vcpus": 4, "disk": 160, "locked": True, "status": "new",
            "created_at": "2026-01-01T00:00:00Z", "features": ["private_networking"],
            "backup_ids": [], "snapshot_ids": [], "volume_ids": [],
            "next_backup_window": None, "size_slug": body["size"], "size": _size(body["size"]), "image": {"slug": body["image"]},
            "region": _region(body["region"]), "tags": body.get("tags") or [], "vpc_uuid": vpc, "networks": {"v4": [], "v6": []},
        }  # fmt: skip
        self.droplets[str(number)] = droplet
        self._polls[str(number)] = self.polls_until_active
        link = {"id": next(self._numbers), "rel": "create", "href": f"{self.url}/v2/actions/{number}"}
        return {"droplet": droplet, "links": {"actions": [link]}}

    def _activate(self, droplet: Object) -> None:
        droplet.update(status="active", locked=False)
        droplet["networks"]["v4"] = [
            {"ip_address": f"10.110.0.{droplet['id'] % 250 + 2}", "netmask": "255.255.240.0", "gateway": "10.110.0.1", "type": "private"},
            {"ip_address": next(self.public_ips), "netmask": "255.255.255.0", "gateway": "203.0.113.1", "type": "public"},
        ]

    def _let_start(self, droplets: Iterable[Object]) -> None:
        for droplet in droplets:
            if droplet["status"] == "new":
                self._polls[str(droplet["id"])] -= 1
                if self._polls[str(droplet["id"])] <= 0:
                    self._activate(droplet)

    def _get(self, kind: str, item: Object, body: Object) -> Answer:
        if kind == "droplets":
            self._let_start([item])
        return 200, {kind.removesuffix("s"): item}

    def _put(self, kind: str, item: Object, body: Object) -> Answer:
        if kind != "firewalls" or not self._is_firewall(body):
            return 422, None
        item.update({"tags": [], "droplet_ids": [], **body})
        return 200, {"firewall": item}

    def _delete(self, kind: str, item: Object, body: Object) -> Answer:
        identifier = str(item["name"] if kind == "tags" else item["id"])
        if kind == "droplets":
            self._leaving[identifier] = self.polls_until_gone
            return 204, None
        if kind == "vpcs":
            self._let_leave()
            if item["default"] or any(droplet["vpc_uuid"] == identifier for droplet in self.droplets.values()):
                return 403, None
        if kind == "tags":
            for tagged in (*self.droplets.values(), *self.firewalls.values()):
                tagged["tags"] = [tag for tag in tagged["tags"] if tag != identifier]
        del getattr(self, kind)[identifier]
        return 204, None

    def _let_leave(self) -> None:
        for identifier in list(self._leaving):
            self._leaving[identifier] -= 1
            if self._leaving[identifier] < 0:
                del self._leaving[identifier], self.droplets[identifier]


def _size(slug: str) -> Object:
    figures = {"memory": 8192, "vcpus": 4, "disk": 160, "transfer": 5.0, "price_monthly": 48.0, "price_hourly": 0.071429}
    return {"slug": slug, "available": True, "regions": ["fra1"], "description": "Basic", **figures}


def _region(slug: str) -> Object:
    return {"slug": slug, "name": slug, "available": True, "features": [], "sizes": []}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one segment a response, else each waits for an acknowledgement
    server: "_Server"

    def handle_method(self) -> None:
        account = self.server.account
        parts = urlsplit(self.path)
        path = parts.path.removeprefix("/v2/")
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        with account.lock:
            status, answer, headers = self._decide(account, path, {key: values[0] for key, values in parse_qs(parts.query).items()}, body)
            account.calls.append((self.command, path, status))
            account.bodies.append(body)
        if status == 0:
            self.close_connection = True
            return
        if answer is None and status != 204:
            answer = {
                "id": IDS.get(status, "server_error"),
                "message": f"{IDS.get(status, 'server_error').replace('_', ' ')}.",
                "request_id": str(uuid.uuid4()),
            }
        data = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        limits = {
            "ratelimit-limit": RATE_LIMIT,
            "ratelimit-remaining": RATE_LIMIT - len(account.calls),
            "ratelimit-reset": int(time.time()) + 3600,
        }
        for name, value in {"Content-Type": "application/json; charset=utf-8", "Content-Length": len(data), **limits, **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = handle_method  # noqa: N815

    def _decide(
        self, account: FakeDigitalOcean, path: str, query: dict[str, str], body: Object
    ) -> tuple[int, Object | None, dict[str, str]]:
        if not self.path.startswith("/v2/"):
            return 404, None, {}
        if self.headers.get("Authorization") != f"Bearer {account.token}":
            return 401, None, {}
        failure = next(
            (item for item in account.failures if item.times and item.method == self.command and re.fullmatch(item.path, path)), None
        )
        if failure is None:
            return *account.answer(self.command, path, query, body), {}
        failure.times -= 1
        if failure.after:
            account.answer(self.command, path, query, body)
        return failure.status, None, failure.headers

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002
        """Log nothing: `calls` is the log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, account: FakeDigitalOcean) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.account = account
        account.url = f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(account: FakeDigitalOcean) -> Iterator[FakeDigitalOcean]:
    """Serve an account's API on loopback, at its `url`."""
    with _Server(account) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield account
        finally:
            server.shutdown()
            thread.join()
