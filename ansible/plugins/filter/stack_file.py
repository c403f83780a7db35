"""The filter `stack_file`: derives the stack of a Swarm from docker-compose.yml and an overlay of what Swarm changes.

Nothing here imports Ansible. Only `mounted_texts` reads files, those of the repository.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

Values = dict[str, Any]

VARIABLE: Final = re.compile(r"(?<!\$)\$\{(\w+)(?::-([^}]*))?\}")
SIZE: Final = re.compile(r"(\d+)([kmg]?)")
UNITS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
# Keys that `docker stack deploy` ignores or rejects, and those that become something else.
DROPPED: Final = frozenset(
    {"build", "depends_on", "mem_limit", "pids_limit", "profiles", "pull_policy", "restart", "security_opt", "shm_size", "tmpfs"}
)
STACK: Final = "headrace"
DEFINITION: Final = "headrace.definition"
DEPENDS_ON: Final = "headrace.depends-on"
HASH_DIGITS: Final = 12
SECRET_MODE: Final = 0o400


class StackError(ValueError):
    """The compose file, the overlay and the settings do not fit together."""


def stack_file(compose: Values, overlay: Values, settings: Values) -> Values:
    """Return the stack and the configs that it mounts: `{"stack": …, "configs": {name: text}}`.

    `settings` has `registry`, `mirror`, `version`, `tags`, `digests` (of images), `hosts` (the number in each group), `variables`
    (of both files), `files` (path: text of everything that can be mounted), `secrets` (name: name in the Swarm) and `encrypted`.
    """
    variables = {name: str(value).replace("$", "$$") for name, value in settings["variables"].items()}
    images = {content["image"].rpartition(":")[0] for content in compose["services"].values()}
    if unknown := sorted(settings["tags"].keys() - images):
        raise StackError(f"headrace_image_tags: there is no image {', '.join(unknown)}; the names are {', '.join(sorted(images))}")
    compose, changes = fill(compose, variables), dict(fill_overlay(overlay, settings["hosts"]["kafka"], variables))
    configs: dict[str, str] = {}
    services: Values = {}
    names = selected(compose["services"], overlay.get("groups", {}), settings["hosts"])
    instances = {name: changes.get(name, {name: {}}) for name in names}
    for name, changes_by_instance in instances.items():
        depends_on = [other for found in compose["services"][name].get("depends_on", ()) for other in instances.get(found, ())]
        for instance, change in changes_by_instance.items():
            services[instance] = service(name, merged(compose["services"][name], change), settings, configs)
            services[instance]["deploy"]["labels"] = labels(services[instance], depends_on)
    stack = {"version": "3.9", "services": services, **resources(compose, overlay, services, settings, configs)}
    return {"stack": stack, "configs": configs}


def selected(services: Values, groups: Values, hosts: Mapping[str, int]) -> Iterator[str]:
    """Yield the names of the services that run: those on demand do not, nor those of groups without hosts."""
    absent = {name for group, names in groups.items() if not hosts.get(group) for name in names}
    for name, content in services.items():
        if "profiles" not in content and name not in absent:
            yield name


def fill_overlay(overlay: Values, brokers: int, variables: Mapping[str, str]) -> Iterator[tuple[str, Values]]:
    """Yield each service of the overlay with its changes by instance: brokers are one service per host, others are one."""
    for name, content in overlay["services"].items():
        if name != overlay["brokers"]:
            yield name, {name: fill(content, variables)}
            continue
        replicas = {
            "QUORUM": ",".join(f"{number}@{name}-{number}:9093" for number in range(1, brokers + 1)),
            "REPLICAS": str(brokers),
            "IN_SYNC_REPLICAS": str(max(1, brokers - 1)),
        }
        yield (
            name,
            {f"{name}-{number}": fill(content, {**variables, **replicas, "BROKER": str(number)}) for number in range(1, brokers + 1)},
        )


def fill(value: Any, variables: Mapping[str, str]) -> Any:
    """Replace `${NAME}` and `${NAME:-default}` in every text of a structure, and in no key."""
    if isinstance(value, str):
        return VARIABLE.sub(lambda match: _value_of(match, variables), value)
    if isinstance(value, Mapping):
        return {key: fill(item, variables) for key, item in value.items()}
    return [fill(item, variables) for item in value] if isinstance(value, list | tuple) else value


def _value_of(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, default = match.groups()
    found = variables.get(name, default)
    if found is None:
        raise StackError(f"the variable {name} has neither a value nor a default")
    return found


def merge(content: Any, change: Any) -> Any:
    """Return the content with a change: mappings are merged, null removes a key, everything else is replaced."""
    if not isinstance(content, Mapping) or not isinstance(change, Mapping):
        return deepcopy(change)
    kept = {key: value for key, value in content.items() if key not in change}
    return kept | {key: merge(content.get(key, {}), value) for key, value in change.items() if value is not None}


def target(mount: Any) -> str:
    """Return where a mount of a container is, written as a text or as a mapping."""
    return str(mount["target"] if isinstance(mount, Mapping) else mount.split(":")[1])


def merge_volumes(volumes: Iterable[Any], changes: Iterable[Any]) -> list[Any]:
    """Return the volumes with the changes, which replace those of the same target."""
    return list({target(mount): mount for mount in (*volumes, *changes)}.values())


def merged(content: Values, change: Values) -> Values:
    """Return a service with the changes of the overlay."""
    return {**merge(content, change), "volumes": merge_volumes(content.get("volumes", ()), change.get("volumes", ()))}


def service(name: str, content: Values, settings: Values, configs: dict[str, str]) -> Values:
    """Return a service of the stack; add the configs that it mounts."""
    made = {key: deepcopy(value) for key, value in content.items() if key not in DROPPED}
    made["image"] = image(content, settings)
    made["deploy"] = deploy(content)
    if "secrets" in content:
        made["secrets"] = list(mounted_secrets(content, settings["secrets"]))
    mounted: list[Any] = [*memory_mounts(name, content)]
    for volume in content["volumes"]:
        files = None if isinstance(volume, Mapping) else dict(mounted_files(volume, settings["files"]))
        if files is None or not volume.startswith("."):
            mounted.append(volume)
            continue
        if not files:
            raise StackError(f"{volume}: there is no such file, and a folder of a host must be an absolute path")
        made.setdefault("configs", []).extend(mounted_configs(files, configs))
    made["volumes"] = mounted
    return {key: value for key, value in made.items() if value not in ([], {})}


def labels(content: Values, depends_on: Iterable[str]) -> dict[str, str]:
    """Return the labels of a service: the hash of its definition, and the services that it waits for."""
    definition = deepcopy(content)
    definition["deploy"].pop("labels", None)
    text = json.dumps(definition, sort_keys=True, default=str)
    found = {DEFINITION: hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]}
    names = ",".join(f"{STACK}_{name}" for name in depends_on)
    return found | ({DEPENDS_ON: names} if names else {})


def image(content: Values, settings: Values) -> str:
    """Return the full name of the image: ours with the version that is deployed, each with its digest where it is known."""
    name, _, tag = content["image"].rpartition(":")
    is_ours = content.get("pull_policy") == "never"
    registry = settings["registry"] if is_ours else settings["mirror"]
    tag = settings["tags"].get(name, (is_ours and settings["version"]) or tag)
    full = f"{registry}/{name}:{tag}" if registry else f"{name}:{tag}"
    digest = settings["digests"].get(full)
    return f"{full}@{digest}" if digest else full


def deploy(content: Values) -> Values:
    """Return what Swarm reads from `deploy`, with compose's limits; a task that ends is started again."""
    wanted: Values = deepcopy(content.get("deploy", {}))
    if "replicas" in wanted:
        wanted["replicas"] = int(wanted["replicas"])
    limits: Values = {}
    if "mem_limit" in content:
        limits["memory"] = content["mem_limit"]
    if "pids_limit" in content:
        limits["pids"] = content["pids_limit"]
    if limits:
        wanted["resources"] = {"limits": limits}
    condition = "on-failure" if content.get("restart") == "on-failure" else "any"
    wanted["restart_policy"] = {"condition": condition, "delay": "5s"}
    return wanted


def mounted_secrets(content: Values, names: Mapping[str, str]) -> Iterator[Values]:
    """Yield the secrets of a service under their names in the Swarm, readable by its user only."""
    uid, _, gid = content["user"].partition(":")
    for secret in content["secrets"]:
        yield {"source": _name_in_swarm(secret, names), "target": secret, "uid": uid, "gid": gid, "mode": SECRET_MODE}


def _name_in_swarm(secret: str, names: Mapping[str, str]) -> str:
    if secret not in names:
        raise StackError(f"the secret {secret} is not in the Swarm: no service of the groups in the inventory needs it; restore the groups")
    return names[secret]


def memory_mounts(name: str, content: Values) -> Iterator[Values]:
    """Yield the file systems in memory. With an owner or programs it is a volume of that type: a tmpfs of a stack has only a size."""
    for mount in content.get("tmpfs", ()):
        path, _, options = mount.partition(":")
        known = dict(option.partition("=")[::2] for option in options.split(","))
        if known.keys() == {"size"}:
            yield {"type": "tmpfs", "target": path, "tmpfs": {"size": in_bytes(known["size"])}}
        else:
            yield {"type": "volume", "source": memory_volume(name, path), "target": path, "volume": {"nocopy": True}}
    if "shm_size" in content:
        yield {"type": "tmpfs", "target": "/dev/shm", "tmpfs": {"size": in_bytes(content["shm_size"])}}  # noqa: S108 - the path in a container


def memory_volume(name: str, path: str) -> str:
    """Return the name of the volume in memory that a service has at a path; there must be one task of it per host."""
    return f"{name}{path.replace('/', '-')}"


def memory_volumes(name: str, content: Values) -> Iterator[tuple[str, Values]]:
    """Yield the volumes in memory of a service."""
    for mount in content.get("tmpfs", ()):
        path, _, options = mount.partition(":")
        yield memory_volume(name, path), {"driver": "local", "driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": options}}


def in_bytes(size: str) -> int:
    """Return the number of bytes of a size like `64m`."""
    match = SIZE.fullmatch(size)
    if match is None:
        raise StackError(f"{size!r} is not a size; write it like 64m")
    return int(match[1]) * UNITS[match[2]]


def mounted_files(volume: str, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the target and the text of each file that a bind mount of a file or folder shows."""
    source, target = volume.split(":")[:2]
    source = source.removeprefix("./")
    for path, text in files.items():
        if path == source:
            yield target, text
        elif path.startswith(f"{source}/"):
            yield target + path.removeprefix(source), text


def mounted_configs(files: Mapping[str, str], configs: dict[str, str]) -> Iterator[Values]:
    """Yield a config for each file. Its name has a hash of the text, because a config never changes."""
    for target, text in sorted(files.items()):
        digest = hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
        name = f"headrace-{'-'.join(PurePosixPath(target).parts[-2:])}-{digest}"
        configs[name] = text
        yield {"source": name, "target": target}


def resources(compose: Values, overlay: Values, services: Values, settings: Values, configs: Iterable[str]) -> Values:
    """Return the networks, volumes, secrets and configs that the services use."""
    networks = merge(compose["networks"], overlay["networks"])
    for network in networks.values():
        network["driver"] = "overlay"
        if settings["encrypted"]:
            network["driver_opts"] = {"encrypted": ""}
    in_memory = dict(pair for name, content in compose["services"].items() for pair in memory_volumes(name, content))
    volumes = merge(compose["volumes"], overlay.get("volumes", {})) | in_memory
    used = {
        "networks": _used(services, "networks", str),
        "volumes": _used(services, "volumes", lambda mount: mount.get("source", "") if isinstance(mount, Mapping) else mount.split(":")[0]),
        "secrets": _used(services, "secrets", lambda secret: secret["source"]),
    }
    return {
        "networks": {name: content for name, content in networks.items() if name in used["networks"]},
        "volumes": {name: content or {} for name, content in volumes.items() if name in used["volumes"]},
        "secrets": {name: {"external": True} for name in sorted(used["secrets"])},
        "configs": {name: {"external": True} for name in sorted(configs)},
    }


def _used(services: Values, key: str, name: Callable[[Any], str]) -> set[str]:
    return {name(item) for content in services.values() for item in content.get(key, ())}


def compose_document(text: str) -> Values:
    """Return the content of a compose file. Ansible's own `from_yaml` takes a merged key that is overridden for a duplicate."""
    document: Values = yaml.safe_load(text)
    return document


def stack_secrets(compose: Values, overlay: Values, hosts: Mapping[str, int]) -> list[str]:
    """Return the names of the secrets that the services of a stack read."""
    names = selected(compose["services"], overlay.get("groups", {}), hosts)
    return sorted({secret for name in names for secret in compose["services"][name].get("secrets", ())})


def mounted_texts(compose: Values, repository: str) -> dict[str, str]:
    """Return the text of each file of the repository that a service mounts, by its path in the repository."""
    root = Path(repository)
    mounts = {volume.split(":")[0] for content in compose["services"].values() for volume in content.get("volumes", ())}
    places = sorted(root / mount for mount in mounts if mount.startswith("./"))
    files = [path for place in places for path in (place, *sorted(place.rglob("*"))) if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in files}


def broker_steps(stack: Values, previous: Values | None, changed: Iterable[str]) -> list[Values]:
    """Return the stacks to deploy one after the other, so that no two brokers restart at the same time."""
    brokers = [name for name in sorted(changed) if re.fullmatch(r"kafka-\d+", name)]
    if previous is None or len(brokers) < 2:
        return [stack]
    steps = []
    for count in range(1, len(brokers)):
        services = previous["services"] | {name: stack["services"][name] for name in brokers[:count]}
        steps.append(_united(previous, stack) | {"services": services})
    return [*steps, stack]


def _united(previous: Values, stack: Values) -> Values:
    """Return a stack with the networks, volumes, secrets and configs of both."""
    return stack | {key: previous.get(key, {}) | stack[key] for key in ("networks", "volumes", "secrets", "configs")}


def with_secrets(stack: Values, names: Mapping[str, str]) -> Values:
    """Return an earlier stack with the secrets that the Swarm has now; their values are not part of a version."""
    made = deepcopy(stack)
    for content in made["services"].values():
        for secret in content.get("secrets", ()):
            secret["source"] = _name_in_swarm(secret["target"], names)
        content["deploy"]["labels"] |= labels(content, ())
    made["secrets"] = {name: {"external": True} for name in sorted(_used(made["services"], "secrets", lambda secret: secret["source"]))}
    return made


def stack_images(stack: Values) -> list[str]:
    """Return the images of a stack."""
    return sorted({content["image"] for content in stack["services"].values()})


class FilterModule:
    """The filters of this file, under the names that playbooks use."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "compose_document": compose_document,
            "stack_file": stack_file,
            "stack_images": stack_images,
            "stack_secrets": stack_secrets,
            "mounted_texts": mounted_texts,
            "broker_steps": broker_steps,
            "with_secrets": with_secrets,
        }
