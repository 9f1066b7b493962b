"""The Kubernetes manifests: valid by the real schemas, and as tight as the documentation says."""

from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from unoingest.config import Config, environment_variable
from unoingest.log_profile import PROFILES

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
OBJECTS = [
    pytest.param(thing, id=f"{file.stem}-{thing['kind']}-{thing['metadata']['name']}")
    for file in FILES
    for thing in yaml.safe_load_all(file.read_text())
]
KUBERNETES = ["1.29", "1.32", "1.35"]
"""ReadWriteOncePod is stable since 1.29."""


def the(kind: str, name: str = "unoingest", file: str = "unoingest.yaml") -> dict[str, Any]:
    found = [
        thing
        for thing in yaml.safe_load_all((FOLDER / file).read_text())
        if (thing["kind"], thing["metadata"]["name"]) == (kind, name)
    ]
    assert len(found) == 1
    only: dict[str, Any] = found[0]
    return only


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("thing", OBJECTS)
def test_each_object_is_valid_and_has_no_unknown_member(thing: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(thing, version, strict=True)


def test_the_schemas_bite() -> None:
    broken = the("StatefulSet")
    broken["spec"]["template"]["spec"]["containers"][0]["livenessProbes"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, KUBERNETES[0], strict=True)


def test_the_pod_may_do_little() -> None:
    pod = the("StatefulSet")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (
        pod["automountServiceAccountToken"] is the("ServiceAccount")["automountServiceAccountToken"] is False
    )
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"].keys() == {"requests", "limits"}
    assert all(container["resources"][kind].keys() >= {"cpu", "memory"} for kind in ("requests", "limits"))


def test_there_is_one_writer_and_it_is_probed() -> None:
    spec = the("StatefulSet")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    (claim,) = spec["volumeClaimTemplates"]
    assert (spec["replicas"], claim["spec"]["accessModes"]) == (1, ["ReadWriteOncePod"])
    paths = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_nothing_leaves_the_pod_unless_delivery_is_wanted() -> None:
    policy = the("NetworkPolicy")["spec"]
    assert (sorted(policy["policyTypes"]), policy["egress"]) == (["Egress", "Ingress"], [])
    assert the("NetworkPolicy", "unoingest-cloud-logging", "cloud-logging.yaml")["spec"]["policyTypes"] == [
        "Egress"
    ]


@pytest.mark.parametrize("file", [file.name for file in FILES])
def test_the_settings_exist(file: str) -> None:
    settings = the("ConfigMap", file=file)["data"]
    names = {environment_variable(name) for name in Config.__dataclass_fields__}
    assert settings.keys() <= names
    assert settings["UNOINGEST_LOG_PROFILE"] in PROFILES
    base = the("ConfigMap")["data"]
    assert base.items() <= settings.items()
