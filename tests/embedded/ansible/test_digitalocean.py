"""An account at DigitalOcean against a fake of its API: what is created, compared, deleted, and which errors are survived."""

import time
from collections.abc import Iterator

import pytest
from ansible.module_utils.digitalocean import Api, ApiError
from ansible.module_utils.droplets import Account, Installation, fingerprint, firewall_body, has_same_rules
from support.ansible.digitalocean import FailedRequest, FakeDigitalOcean, serving

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIJbBu4Wqz4mXgDkq9E8T3M4mVYqPpQ2d6rJ0vG8Zb1t operator@example.com"
SIZES = {"cloud-1": "s-8vcpu-16gb", "cloud-2": "s-4vcpu-8gb", "cloud-3": "s-4vcpu-8gb"}
INSTALLATION = Installation("headrace", "fra1", KEY, "debian-13-x64", SIZES, ["192.0.2.0/24"])
CREATED = [
    ("POST", "tags"),
    ("POST", "account/keys"),
    ("POST", "vpcs"),
    ("POST", "firewalls"),
    ("POST", "droplets"),
    ("POST", "droplets"),
    ("POST", "droplets"),
]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.fixture
def cloud() -> Iterator[FakeDigitalOcean]:
    with serving(FakeDigitalOcean(token="dop_v1_secret")) as cloud:
        yield cloud


def account(
    cloud: FakeDigitalOcean, installation: Installation = INSTALLATION, *, token: str = "dop_v1_secret", check: bool = False
) -> Account:
    return Account(Api(cloud.url, token), installation, check=check)


def content(cloud: FakeDigitalOcean) -> dict[str, list[str]]:
    kinds = ("droplets", "ssh_keys", "vpcs", "firewalls", "tags")
    return {kind: sorted(item["name"] for item in getattr(cloud, kind).values()) for kind in kinds}


FULL = {
    "droplets": ["cloud-1", "cloud-2", "cloud-3"],
    "ssh_keys": ["headrace"],
    "vpcs": ["default-fra1", "headrace"],
    "firewalls": ["headrace"],
    "tags": ["headrace"],
}


def test_everything_is_created_once_and_the_firewall_before_the_droplets(cloud: FakeDigitalOcean) -> None:
    first = account(cloud)
    droplets = first.create()
    assert cloud.changes == CREATED
    assert content(cloud) == FULL
    assert first.changes[-3:] == ["create droplet cloud-1", "create droplet cloud-2", "create droplet cloud-3"]
    assert {name: (droplet["status"], droplet["size_slug"]) for name, droplet in droplets.items()} == {
        name: ("active", SIZES[name]) for name in SIZES
    }
    again = account(cloud)
    assert again.create() == droplets
    assert cloud.changes == CREATED
    assert again.changes == []


def test_the_droplets_are_in_the_private_network_with_the_key_and_the_tag(cloud: FakeDigitalOcean) -> None:
    account(cloud).create()
    network = next(identifier for identifier, vpc in cloud.vpcs.items() if vpc["name"] == "headrace")
    bodies = [body for (method, path, _), body in zip(cloud.calls, cloud.bodies, strict=True) if (method, path) == ("POST", "droplets")]
    assert [(body["vpc_uuid"], body["ssh_keys"], body["tags"], body["image"]) for body in bodies] == [
        (network, [fingerprint(KEY)], ["headrace"], "debian-13-x64")
    ] * 3


def test_the_firewall_admits_ssh_from_the_administrators_the_web_from_everywhere_and_swarm_from_the_peers() -> None:
    rules = {
        (rule["protocol"], rule["ports"]): rule["sources"].get("addresses") or rule["sources"]["tags"]
        for rule in firewall_body(INSTALLATION)["inbound_rules"]
    }
    everywhere = ["0.0.0.0/0", "::/0"]
    assert rules == {
        ("tcp", "22"): ["192.0.2.0/24"],
        ("tcp", "80"): everywhere,
        ("tcp", "443"): everywhere,
        ("icmp", "0"): everywhere,
        ("tcp", "2377"): ["headrace"],
        ("tcp", "7946"): ["headrace"],
        ("udp", "7946"): ["headrace"],
        ("udp", "4789"): ["headrace"],
    }


def test_the_order_of_rules_and_empty_targets_do_not_count_as_a_difference() -> None:
    body = firewall_body(INSTALLATION)
    returned = {
        **body,
        "inbound_rules": [{**rule, "sources": {**rule["sources"], "droplet_ids": []}} for rule in reversed(body["inbound_rules"])],
    }
    assert has_same_rules(returned, body)
    assert not has_same_rules({**returned, "tags": []}, body)
    assert not has_same_rules({**returned, "inbound_rules": returned["inbound_rules"][1:]}, body)


def test_check_mode_changes_nothing_and_names_what_is_missing(cloud: FakeDigitalOcean) -> None:
    planned = account(cloud, check=True)
    planned.create()
    assert cloud.changes == []
    created = account(cloud)
    created.create()
    assert planned.changes == created.changes
    removal = account(cloud, check=True)
    removal.delete()
    assert cloud.changes == CREATED
    assert len(removal.changes) == 7


def test_a_missing_droplet_and_a_changed_firewall_are_restored(cloud: FakeDigitalOcean) -> None:
    account(cloud).create()
    next(iter(cloud.firewalls.values()))["inbound_rules"][0]["sources"] = {"addresses": ["0.0.0.0/0"]}
    del cloud.droplets[next(identifier for identifier, droplet in cloud.droplets.items() if droplet["name"] == "cloud-2")]
    repair = account(cloud)
    repair.create()
    assert repair.changes == ["update firewall headrace", "create droplet cloud-2"]
    assert [method for method, _ in cloud.changes[len(CREATED) :]] == ["PUT", "POST"]
    assert content(cloud) == FULL


def test_droplets_behind_the_first_page_are_found(cloud: FakeDigitalOcean) -> None:
    for number in range(450):
        cloud.add_droplet(f"other-{number}", ["other"])
    account(cloud).create()
    again = account(cloud)
    again.create()
    assert again.changes == []
    assert len(cloud.droplets) == 453


@pytest.mark.parametrize("path", ["tags", "account/keys", "vpcs", "firewalls", "droplets"])
@pytest.mark.parametrize("failure", ["429", "500 before", "500 after", "0 before", "0 after"])
def test_a_creation_that_fails_is_done_exactly_once(cloud: FakeDigitalOcean, path: str, failure: str) -> None:
    status, _, moment = failure.partition(" ")
    headers = {"retry-after": "29"} if status == "429" else {}
    cloud.failures.append(
        FailedRequest("POST", path, int(status), times=2 if moment != "after" else 1, after=moment == "after", headers=headers)
    )
    account(cloud).create()
    assert content(cloud) == FULL
    again = account(cloud)
    again.create()
    assert again.changes == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_failed_reads_updates_and_deletions_are_retried(cloud: FakeDigitalOcean, status: int) -> None:
    cloud.failures.append(FailedRequest("GET", ".*", status, times=3))
    account(cloud).create()
    next(iter(cloud.firewalls.values()))["inbound_rules"] = []
    cloud.failures.append(FailedRequest("PUT", ".*", status, times=3))
    account(cloud).create()
    cloud.failures.append(FailedRequest("DELETE", ".*", status, times=3, after=status != 429))
    account(cloud).delete()
    assert content(cloud) == {"droplets": [], "ssh_keys": [], "vpcs": ["default-fra1"], "firewalls": [], "tags": []}


def test_the_wait_that_the_rate_limit_asks_for_is_kept(cloud: FakeDigitalOcean, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    cloud.failures.append(FailedRequest("POST", "droplets", 429, headers={"retry-after": "29"}))
    account(cloud).create()
    assert 29 in waits


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [429, 500])
def test_errors_that_last_end_the_run_with_the_request_and_a_remedy(cloud: FakeDigitalOcean, method: str, status: int) -> None:
    cloud.failures.append(FailedRequest(method, "(tags/)?.*", status, times=1000))
    with pytest.raises(ApiError, match=rf"^{method} .*: {status}, "):
        account(cloud).create()
    assert len(cloud.calls) < 20


def test_deletion_removes_exactly_what_was_created(cloud: FakeDigitalOcean) -> None:
    cloud.add_droplet("other", ["other"])
    other = Installation("other-site", "fra1", KEY.replace("IJbB", "IJbC"), "debian-13-x64", {"other-1": "s-4vcpu-8gb"})
    account(cloud, other).create()
    before = content(cloud)
    account(cloud).create()
    account(cloud).delete()
    assert content(cloud) == before
    count = len(cloud.changes)
    again = account(cloud)
    again.delete()
    assert again.changes == []
    assert len(cloud.changes) == count


def test_a_key_with_another_name_and_a_default_network_are_used_but_not_deleted() -> None:
    with serving(FakeDigitalOcean(token="dop_v1_secret", has_default_network=False)) as cloud:
        Api(cloud.url, "dop_v1_secret").create("account/keys", "ssh_key", {"name": "laptop", "public_key": KEY}, lambda: None)
        account(cloud).create()
        account(cloud).delete()
        assert content(cloud) == {"droplets": [], "ssh_keys": ["laptop"], "vpcs": ["headrace"], "firewalls": [], "tags": []}
        again = account(cloud)
        again.delete()
        assert again.changes == []


@pytest.mark.parametrize(
    ("tags", "values", "message"),
    [
        ([], {}, "without the tag headrace"),
        (["headrace"], {"size": "s-1vcpu-1gb"}, "has the size s-1vcpu-1gb, the inventory says s-8vcpu-16gb"),
        (["headrace"], {"size": "s-8vcpu-16gb", "region": "ams3"}, "has the region ams3, the inventory says fra1"),
        (["headrace"], {"status": "off"}, "droplet cloud-1 is off: power it on"),
        (["headrace"], {"size": "s-8vcpu-16gb"}, "is not in the network headrace"),
    ],
)
def test_a_droplet_that_is_not_as_the_inventory_says_is_an_error(
    cloud: FakeDigitalOcean, tags: list[str], values: dict[str, str], message: str
) -> None:
    status = values.get("status", "active")
    cloud.add_droplet("cloud-1", tags, **{key: values[key] for key in values if key != "status"})["status"] = status
    with pytest.raises(ApiError, match=message):
        account(cloud).create()
    assert ("POST", "droplets") not in cloud.changes


def test_two_droplets_of_one_name_are_an_error(cloud: FakeDigitalOcean) -> None:
    for _ in range(2):
        cloud.add_droplet("cloud-1", ["headrace"], size="s-8vcpu-16gb")
    with pytest.raises(ApiError, match="two droplets cloud-1"):
        account(cloud).create()


def test_a_droplet_that_the_inventory_lacks_is_reported_and_deleted_with_the_others(cloud: FakeDigitalOcean) -> None:
    cloud.add_droplet("cloud-9", ["headrace"])
    run = account(cloud)
    run.create()
    assert run.unlisted() == ["cloud-9"]
    account(cloud).delete()
    assert cloud.droplets == {}


def test_a_wrong_token_changes_nothing_and_is_in_no_message(cloud: FakeDigitalOcean) -> None:
    with pytest.raises(ApiError, match=r"401.*Check DO_API_TOKEN") as caught:
        account(cloud, token="dop_v1_wrong").create()
    assert "dop_v1" not in str(caught.value)
    assert cloud.changes == []


@pytest.mark.parametrize("url", ["http://api.digitalocean.com", "ftp://127.0.0.1", "api.digitalocean.com"])
def test_the_token_is_sent_over_https_only(url: str) -> None:
    with pytest.raises(ApiError, match="must begin with https"):
        Api(url, "dop_v1_secret")


def test_a_missing_token_and_a_wrong_key_are_errors_with_a_remedy() -> None:
    with pytest.raises(ApiError, match="DO_API_TOKEN"):
        Api("https://api.digitalocean.com", "")
    with pytest.raises(ApiError, match="not a valid SSH public key"):
        fingerprint("-----BEGIN OPENSSH PRIVATE KEY-----")


def test_an_api_that_does_not_answer_is_an_error() -> None:
    with serving(FakeDigitalOcean(token="")) as cloud:
        url = cloud.url
    with pytest.raises(ApiError, match="no answer"):
        Account(Api(url, "dop_v1_secret"), INSTALLATION).delete()
