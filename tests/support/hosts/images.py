"""Images for the hosts: ours from the project's Dockerfile, and stand-ins for the official ones."""

import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import yaml
from support.hosts import druid_extension
from support.hosts.builder import Builder
from support.hosts.debian import REPOSITORY
from support.hosts.folders import HERE, PROJECT, RUN
from support.hosts.processes import run

from headrace.engines import jars
from headrace.engines.services import OPENED

AUTHORITIES: Final = Path("/etc/ssl/certs/ca-certificates.crt")  # what this machine trusts: a build downloads as this machine does
BASE: Final = "headrace-test-debian"
PYTHON: Final = "headrace-test-python"
# An image of the project that differs only in its entrypoint.
ENDS_AT_ONCE: Final = """FROM {image}
HEALTHCHECK NONE
ENTRYPOINT ["sh", "-c", "echo this collector cannot run: the disk is made of cheese >&2; exit 3"]
"""
SAME: Final = "FROM {image}\nLABEL headrace.test.version={tag}\n"


# The target of the stand-ins' Dockerfile for the image of each service, and the folders of jars that it copies.
STAND_INS: Final = {
    "nginx": ("nginx", ()),
    "kafka": ("kafka", ("kafka",)),
    "zookeeper": ("zookeeper", ("druid",)),
    "druid-coordinator": ("druid", ("druid", "druid-kafka-indexing-service", "druid-datasketches")),
    "druid-metadata": ("postgres", ()),
}


def compose_images() -> dict[str, str]:
    """Return the image of each service of docker-compose.yml."""
    services = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    return {name: service["image"] for name, service in services.items()}


class Images:
    """Builds images and pushes them to a registry."""

    def __init__(self, builder: Builder, root: Path, push_name: str) -> None:
        self._builder = builder
        self._root = root
        self._push_name = push_name
        self._context = RUN / "context"

    def build(self, *, targets: Iterable[str], services: Iterable[str]) -> None:
        """Build and push these targets of the project's Dockerfile and stand-ins for these services of docker-compose.yml."""
        self._import_base()
        self._make_context(services)
        official = compose_images()
        self._build_stand_in("python", PYTHON)
        for service in services:
            self._build_stand_in(STAND_INS[service][0], f"{self._push_name}/{official[service]}")
        version = official["collector"].partition(":")[2]
        ours = [f"headrace-{target}:{version}" for target in targets]
        for target, image in zip(targets, ours, strict=True):
            build = ("build", "--quiet", "--network=host", f"--build-arg=PYTHON_IMAGE={PYTHON}", f"--target={target}")
            self._builder.docker(*build, f"--tag={self._push_name}/{image}", PROJECT)
        self._push(*(official[service] for service in services), *ours)

    def derive(self, name: str, tag: str, recipe: str = SAME) -> None:
        """Build and push an image that differs from the one of docker-compose.yml with this name."""
        base = next(image for image in compose_images().values() if image.partition(":")[0] == name)
        text = recipe.format(image=f"{self._push_name}/{base}", tag=tag)
        image = f"{name}:{tag}"
        self._builder.docker("build", "--quiet", "--network=host", f"--tag={self._push_name}/{image}", "-", stdin=text)
        self._push(image)

    def _push(self, *names: str) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name: self._builder.docker("push", "--quiet", f"{self._push_name}/{name}"), names))

    def _import_base(self) -> None:
        """Make the root of the hosts an image, once."""
        tag = f"{BASE}:{self._root.name}"
        if not self._builder.docker("images", "--quiet", tag).strip():
            archive = RUN / "base.tar"
            excluded = (f"./{REPOSITORY}/*", "./var/cache/apt/*", "./var/lib/apt/lists/*", "./boot/*", "./dev/*")
            run("tar", "-C", self._root, *(f"--exclude={pattern}" for pattern in excluded), "-cf", archive, ".")
            self._builder.docker("import", archive, tag)
            archive.unlink()
        self._builder.docker("tag", tag, BASE)

    def _make_context(self, services: Iterable[str]) -> None:
        shutil.rmtree(self._context, ignore_errors=True)
        self._context.mkdir()
        shutil.copytree(self._root / REPOSITORY, self._context / "apt", copy_function=os.link)
        shutil.copy(AUTHORITIES, self._context)
        shutil.copytree(HERE / "images", self._context, dirs_exist_ok=True)
        shutil.copy(PROJECT / "engines/log4j2.xml", self._context)
        (self._context / "java-options").write_text("\n".join(OPENED))
        for folder in {folder for service in services for folder in STAND_INS[service][1]}:
            shutil.copytree(jars.STORE / jars.stamp() / folder, self._context / folder)
        if "druid-coordinator" in services:
            shutil.copytree(druid_extension.postgres_extension(), self._context / "extension")

    def _build_stand_in(self, target: str, name: str) -> None:
        self._builder.docker("build", "--quiet", "--network=host", f"--target={target}", f"--tag={name}", self._context)
