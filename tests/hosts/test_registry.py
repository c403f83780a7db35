"""The registry of the images: only its own authority is trusted."""

from support.hosts import registry
from support.hosts.authority import Authority
from support.hosts.folders import RUN
from support.hosts.images import compose_images
from support.hosts.testbed import Testbed


def test_a_registry_with_another_authority_is_refused(deployed: Testbed) -> None:
    other = Authority(RUN / "other-authority")
    deployed.set_variables(headrace_registry_ca=str(other.certificate))
    try:
        deployed.ansible.succeed("site.yml", "--tags", "docker")
        pull = f"docker pull {registry.NAME}/{compose_images()['collector']} 2>&1"
        assert "x509: certificate signed by unknown authority" in deployed.hosts[-1].run("sh", "-c", pull, check=False)
    finally:
        deployed.set_variables(headrace_registry_ca=str(deployed.authority.certificate))
        deployed.ansible.succeed("site.yml", "--tags", "docker")
