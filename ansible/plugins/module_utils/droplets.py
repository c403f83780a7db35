"""The droplets of an installation on DigitalOcean, with their key, private network and firewall: created, compared, deleted.

All objects have the installation's name; the droplets have it as their tag, which assigns the firewall to them.
Nothing else in the account is changed.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ansible.module_utils.digitalocean import Api, ApiError
from ansible.module_utils.polling import attempts

POLL_SECONDS = 2.0
TIMEOUT_SECONDS = 600
EVERYWHERE = ["0.0.0.0/0", "::/0"]
# Between the hosts of the Swarm: the managers' API, gossip, and the overlay networks' VXLAN.
PEER_PORTS = (("tcp", "2377"), ("tcp", "7946"), ("udp", "7946"), ("udp", "4789"))
ALL_PORTS = "0"
IN_USE = 403

Object = dict[str, Any]


@dataclass(frozen=True)
class Installation:
    """The wanted content of the account."""

    name: str
    region: str
    public_key: str
    image: str
    sizes: dict[str, str]  # by the name of a droplet
    admin_networks: list[str] = field(default_factory=lambda: EVERYWHERE)
    ip_range: str = ""


def fingerprint(public_key: str) -> str:
    """Return the MD5 fingerprint of an SSH public key, by which the API finds it."""
    try:
        blob = base64.b64decode(public_key.split()[1], validate=True)
    except (IndexError, ValueError):
        raise ApiError(
            "headrace_droplets_public_key is not a valid SSH public key: it must look like 'ssh-ed25519 AAAA… comment'"
        ) from None
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[start : start + 2] for start in range(0, len(digest), 2))


def firewall_body(installation: Installation) -> Object:
    """Return the firewall's definition: SSH from the administrators, HTTP and HTTPS from everywhere, Swarm's ports from the peers."""
    everywhere, peers = {"addresses": EVERYWHERE}, {"tags": [installation.name]}
    inbound = [
        _rule("tcp", "22", sources={"addresses": installation.admin_networks}),
        _rule("tcp", "80", sources=everywhere),
        _rule("tcp", "443", sources=everywhere),
        _rule("icmp", ALL_PORTS, sources=everywhere),
        *(_rule(protocol, ports, sources=peers) for protocol, ports in PEER_PORTS),
    ]
    outbound = [_rule(protocol, ALL_PORTS, destinations=everywhere) for protocol in ("tcp", "udp", "icmp")]
    return {"name": installation.name, "tags": [installation.name], "inbound_rules": inbound, "outbound_rules": outbound}


def has_same_rules(firewall: Object, body: Object) -> bool:
    """Whether an existing firewall has the tags and rules of a definition, in any order."""
    return _comparable(firewall) == _comparable(body)


def _rule(protocol: str, ports: str, **targets: Object) -> Object:
    return {"protocol": protocol, "ports": ports, **targets}


def _comparable(firewall: Object) -> Object:
    def comparable(rule: Object) -> str:
        targets = rule.get("sources") or rule.get("destinations") or {}
        ports = rule.get("ports") or ALL_PORTS
        return repr(
            (
                rule["protocol"],
                ALL_PORTS if ports == "all" else ports,
                sorted((key, sorted(map(str, targets[key]))) for key in targets if targets[key]),
            )
        )

    rules = {key: sorted(map(comparable, firewall.get(key) or [])) for key in ("inbound_rules", "outbound_rules")}
    return {"tags": sorted(firewall.get("tags") or []), **rules}


def public_ip(droplet: Object) -> str:
    """Return a droplet's public IPv4, empty before it has one."""
    return _ip(droplet, "public")


def private_ip(droplet: Object) -> str:
    """Return a droplet's IPv4 in the private network, empty before it has one."""
    return _ip(droplet, "private")


def _ip(droplet: Object, kind: str) -> str:
    return next((network["ip_address"] for network in droplet.get("networks", {}).get("v4", []) if network["type"] == kind), "")


class Account:
    """Makes an account contain an installation, or nothing of it. `changes` names what was changed, or would be with `check`."""

    def __init__(self, api: Api, installation: Installation, *, check: bool = False) -> None:
        self.changes: list[str] = []
        self._api = api
        self._wanted = installation
        self._check = check
        self._listed: list[Object] = []

    def unlisted(self) -> list[str]:
        """Return the names of the installation's droplets that the inventory lacks."""
        return sorted(self._own(self._listed).keys() - self._wanted.sizes)

    def create(self) -> dict[str, Object]:
        """Create what is missing and return the droplets by name. The firewall is there before the first droplet."""
        self._listed = listed = self._droplets()
        self._refuse_differences(listed)
        tag, key = self._wanted.name, fingerprint(self._wanted.public_key)
        self._ensure("tag", "tags", "tag", {"name": tag}, self._find_tag)
        self._ensure("key", "account/keys", "ssh_key", {"name": self._wanted.name, "public_key": self._wanted.public_key}, self._find_key)
        network = self._ensure("network", "vpcs", "vpc", self._network_body(), self._find_network)
        self._ensure_firewall()
        droplets = {name: droplet for name, droplet in self._own(listed).items() if name in self._wanted.sizes}
        _refuse_other_networks(droplets, network)
        for name, size in self._wanted.sizes.items():
            if name not in droplets:
                body = {
                    "name": name,
                    "region": self._wanted.region,
                    "size": size,
                    "image": self._wanted.image,
                    "ssh_keys": [key],
                    "tags": [tag],
                    "vpc_uuid": network["id"],
                }
                droplets[name] = self._ensure("droplet", "droplets", "droplet", body, partial(self._find_droplet, name), absent=True)
        return droplets if self._check else self._await_active(droplets)

    def delete(self) -> None:
        """Delete what the installation created: its droplets, then firewall, network, tag and key."""
        droplets = [droplet for droplet in self._droplets() if self._wanted.name in (droplet.get("tags") or [])]
        for droplet in droplets:
            self._remove("droplet", f"droplets/{droplet['id']}", droplet["name"])
        if droplets and not self._check:
            self._wait("the droplets are not deleted", lambda: not self._own(self._droplets()))
        if firewall := self._find_firewall():
            self._remove("firewall", f"firewalls/{firewall['id']}", firewall["name"])
        if (network := self._find_network()) and not network.get("default"):  # the default network of a region can not be deleted
            self._remove_network(network)
        if tag := self._find_tag():
            self._remove("tag", f"tags/{tag['name']}", tag["name"])
        if (key := self._find_key()) and key["name"] == self._wanted.name:
            self._remove("key", f"account/keys/{key['id']}", key["name"])

    def _ensure(self, kind: str, path: str, key: str, body: Object, find: Callable[[], Object | None], *, absent: bool = False) -> Object:
        found = None if absent else find()
        if found:
            return found
        self.changes.append(f"create {kind} {body['name']}")
        return {"id": "", **body} if self._check else self._api.create(path, key, body, find)

    def _ensure_firewall(self) -> None:
        body = firewall_body(self._wanted)
        firewall = self._ensure("firewall", "firewalls", "firewall", body, self._find_firewall)
        if has_same_rules(firewall, body):
            return
        self.changes.append(f"update firewall {body['name']}")
        if not self._check:
            self._api.put(f"firewalls/{firewall['id']}", "firewall", body)

    def _remove(self, kind: str, path: str, name: str) -> None:
        self.changes.append(f"delete {kind} {name}")
        if not self._check:
            self._api.delete(path)

    def _remove_network(self, network: Object) -> None:
        """Delete the private network; the API refuses while a deleted droplet still counts as its member."""
        self.changes.append(f"delete network {network['name']}")
        if not self._check:
            self._wait(
                f"the network {network['name']} still has members",
                lambda: self._api.delete(f"vpcs/{network['id']}", allowed=(IN_USE,)) != IN_USE,
            )

    def _await_active(self, droplets: dict[str, Object]) -> dict[str, Object]:
        """Return the droplets once all are active; one list asks for all of them, because the API limits requests."""

        def are_active() -> bool:
            if not all(map(_is_ready, droplets.values())):
                own = self._own(self._droplets())
                droplets.update({name: own[name] for name in droplets if name in own})
            return all(map(_is_ready, droplets.values()))

        self._wait("the droplets are not active", are_active)
        return droplets

    def _wait(self, reason: str, is_done: Callable[[], bool]) -> None:
        if not any(is_done() for _ in attempts(TIMEOUT_SECONDS, POLL_SECONDS)):
            raise ApiError(f"{reason} after {TIMEOUT_SECONDS} s. Look at them in the control panel, then run the playbook again")

    def _refuse_differences(self, droplets: list[Object]) -> None:
        """Raise if a droplet differs from the inventory: only another droplet could correct it, and no playbook replaces one."""
        own = self._own(droplets)
        for droplet in droplets:
            name = droplet["name"]
            if name not in self._wanted.sizes:
                continue
            if self._wanted.name not in (droplet.get("tags") or []):
                raise ApiError(f"the account has a droplet {name} without the tag {self._wanted.name}: rename the host, or tag the droplet")
            if droplet["id"] != own[name]["id"]:
                raise ApiError(f"the account has two droplets {name} with the tag {self._wanted.name}: delete one in the control panel")
            if droplet["status"] not in {"new", "active"}:
                raise ApiError(f"droplet {name} is {droplet['status']}: power it on in the control panel")
            found = {"size": droplet.get("size_slug"), "region": (droplet.get("region") or {}).get("slug")}
            wanted = {"size": self._wanted.sizes[name], "region": self._wanted.region}
            for setting in ("size", "region"):
                if found[setting] != wanted[setting]:
                    raise ApiError(
                        f"droplet {name} has the {setting} {found[setting]}, the inventory says {wanted[setting]}: "
                        "correct the inventory, or resize or delete the droplet in the control panel"
                    )

    def _own(self, droplets: list[Object]) -> dict[str, Object]:
        return {droplet["name"]: droplet for droplet in droplets if self._wanted.name in (droplet.get("tags") or [])}

    def _network_body(self) -> Object:
        body = {"name": self._wanted.name, "region": self._wanted.region}
        return {**body, "ip_range": self._wanted.ip_range} if self._wanted.ip_range else body

    def _droplets(self) -> list[Object]:
        return list(self._api.list("droplets", "droplets"))

    def _find_droplet(self, name: str) -> Object | None:
        return self._own(self._droplets()).get(name)

    def _find_tag(self) -> Object | None:
        tag: Object | None = self._api.get(f"tags/{self._wanted.name}", "tag")
        return tag

    def _find_key(self) -> Object | None:
        key: Object | None = self._api.get(f"account/keys/{fingerprint(self._wanted.public_key)}", "ssh_key")
        return key

    def _find_network(self) -> Object | None:
        return self._named("vpcs", "vpcs")

    def _find_firewall(self) -> Object | None:
        return self._named("firewalls", "firewalls")

    def _named(self, path: str, key: str) -> Object | None:
        return next((item for item in self._api.list(path, key) if item["name"] == self._wanted.name), None)


def _refuse_other_networks(droplets: dict[str, Object], network: Object) -> None:
    for name, droplet in droplets.items():
        if droplet.get("vpc_uuid") != network["id"]:
            raise ApiError(
                f"droplet {name} is not in the network {network['name']}: delete the droplet in the control panel, and it is created there"
            )


def _is_ready(droplet: Object) -> bool:
    return droplet["status"] == "active" and bool(public_ip(droplet)) and bool(private_ip(droplet))
