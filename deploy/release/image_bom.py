"""Bill of materials of a container image, as CycloneDX on stdout: its Debian packages, and the Python packages in it.

python deploy/release/image_bom.py IMAGE VERSION, where the image is Docker's. Read from the image by its own programs,
dpkg-query and Python, in a container without network that is gone afterwards. Of Python packages with the license that
they declare; what Debian's are licensed under lies in the image, in /usr/share/doc, and in no form for programs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

NAME = "script-tracking-exporter"
ENVIRONMENT = "/opt/script-tracking-exporter/bin/python3"
DISTRIBUTION = ". /etc/os-release; echo $ID-$VERSION_ID"
DEBIAN = r"${binary:Package}\t${Version}\t${Architecture}\t${source:Package}\n"
PYTHON = """
import importlib.metadata, json
found = importlib.metadata.distributions()
print(json.dumps([(one.metadata["Name"], one.version, one.metadata["License-Expression"]) for one in found]))
"""


def _said(image: str, program: str, *arguments: str) -> str:
    """What a program of the image says."""
    command = ["docker", "run", "--rm", "--network", "none", "--entrypoint", program, image, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=120).stdout


def _debian(image: str) -> Iterator[Component]:
    distribution = _said(image, "/bin/sh", "-c", DISTRIBUTION).strip()
    for line in _said(image, "dpkg-query", "--show", "--showformat", DEBIAN).splitlines():
        package, version, architecture, source = line.split("\t")
        name = package.partition(":")[0]
        qualifiers = {"arch": architecture, "distro": distribution}
        if source != name:
            qualifiers["upstream"] = source  # by which Debian's security tracker knows it
        url = PackageURL("deb", "debian", name, version, qualifiers)
        yield Component(name=name, version=version, purl=url, bom_ref=str(url))


def _python(image: str) -> Iterator[Component]:
    licenses = LicenseFactory()
    for name, version, expression in json.loads(_said(image, ENVIRONMENT, "-c", PYTHON)):
        url = PackageURL("pypi", None, name, version)
        declared = [licenses.make_from_string(expression)] if expression else []
        yield Component(name=name, version=version, purl=url, bom_ref=str(url), licenses=declared)


def bill(image: str, version: str, made_at: datetime) -> str:
    """The document, as text; raises CalledProcessError where there is no such image."""
    found = Bom(
        components=[*_debian(image), *_python(image)], serial_number=uuid5(NAMESPACE_URL, f"{NAME}/{version}/image")
    )
    found.metadata.component = Component(type=ComponentType.CONTAINER, name=NAME, version=version, bom_ref=NAME)
    found.metadata.timestamp = made_at
    found.register_dependency(found.metadata.component, found.components)
    return make_outputter(found, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1)


if __name__ == "__main__":
    _, named, of_version = sys.argv
    print(bill(named, of_version, datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)))
