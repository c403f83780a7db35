"""The test network: a bridge in a network namespace of its own, from which nothing leads out."""

from typing import Final

from support.hosts.folders import BED, SUFFIX
from support.hosts.processes import run

PREFIX: Final = f"headrace{SUFFIX}-"  # of all namespaces
CONTROL: Final = f"{PREFIX}control"  # Ansible, the registry and the clients run in it
NETWORK: Final = f"10.{77 + BED}"
CONTROL_IP: Final = f"{NETWORK}.0.1"
# Clients have many networks: the collector and nginx limit the rate of each.
CLIENT_IPS: Final = tuple(f"{NETWORK}.{number}.1" for number in range(1, 61))
PREFIX_BITS: Final = 16
# Without a MAC of its own, a bridge takes that of a port: the others would not find it for half a minute after that host is cut off.
BRIDGE_MAC: Final = "02:00:00:00:00:01"


def host_ip(number: int) -> str:
    """Return the IP address of the host with this number."""
    return f"{NETWORK}.0.{10 + number}"


def create_network() -> None:
    """Create the namespace and the bridge, after removing what a killed run left behind."""
    remove_network()
    run("ip", "netns", "add", CONTROL)
    commands = ["link set lo up", f"link add bridge address {BRIDGE_MAC} type bridge", "link set bridge up"]
    commands += [f"address add {ip}/{PREFIX_BITS} dev bridge" for ip in (CONTROL_IP, *CLIENT_IPS)]
    run("ip", "-n", CONTROL, "-batch", "-", stdin="\n".join(commands) + "\n")


def remove_network() -> None:
    """Remove all namespaces of the test network."""
    for line in run("ip", "netns", "list").splitlines():
        name = line.split()[0]
        if name.startswith(PREFIX):
            run("ip", "netns", "delete", name, check=False)


def connect_host(namespace: str, link: str, number: int) -> None:
    """Create the namespace of a host and its link to the bridge."""
    run("ip", "netns", "add", namespace)
    run("ip", "link", "add", link, "netns", CONTROL, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    run("ip", "-n", CONTROL, "link", "set", link, "master", "bridge", "up")
    commands = ("link set lo up", f"address add {host_ip(number)}/{PREFIX_BITS} dev eth0", "link set eth0 up")
    run("ip", "-n", namespace, "-batch", "-", stdin="\n".join(commands) + "\n")


def disconnect_host(namespace: str, link: str) -> None:
    """Remove the link and the namespace of a host; the link first, because the kernel removes it late otherwise."""
    run("ip", "-n", CONTROL, "link", "delete", link, check=False)
    run("ip", "netns", "delete", namespace, check=False)


def accepts(ip: str, port: int) -> bool:
    """Whether a TCP connection from the control namespace succeeds."""
    connect = f"exec 3<>/dev/tcp/{ip}/{port} && echo open"
    return bool(run("timeout", "2", "bash", "-c", connect, namespace=CONTROL, check=False))
