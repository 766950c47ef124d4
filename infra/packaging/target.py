"""Where the functions will run: Lambda's Python on one architecture, or this machine."""

from __future__ import annotations

import sys
import sysconfig
from dataclasses import dataclass

from packaging.markers import default_environment

# Names of the architecture in the tags of wheels, and in environment markers.
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
# Lambda's python3.11 runs on Amazon Linux 2, later ones on Amazon Linux 2023: their glibc 2.x. The
# oldest glibc for which wheels are built for aarch64 is 2.17.
_GLIBC = {"3.11": 26}
_GLIBC_OF_AMAZON_LINUX_2023 = 34
_OLDEST_GLIBC = 17


@dataclass(frozen=True, slots=True)
class Target:
    """Where the functions will run.

    Attributes
    ----------
    kind
        `lambda`, or `host` for this machine and Python version; the setting `packaging`.
    architecture
        Lambda's architecture, `arm64` or `x86_64`; without a meaning for `host`.
    python_version
        Lambda's Python version, such as `3.14`; without a meaning for `host`.
    """

    kind: str
    architecture: str = "arm64"
    python_version: str = "3.14"

    def __str__(self) -> str:
        """Return the target in words, for messages."""
        if self.kind == "host":
            return f"this machine's Python {_version_in_words(sys.version_info[:2])}"
        return f"Lambda's python{self.python_version} on {self.architecture}"

    @property
    def version(self) -> tuple[int, int]:
        """The version of Python that will run the functions."""
        if self.kind == "host":
            return sys.version_info[:2]
        major, minor = map(int, self.python_version.split("."))
        return major, minor

    @property
    def is_like_this_machine(self) -> bool:
        """Whether this interpreter takes the same branches in Python code as the target's."""
        same_version = self.version == sys.version_info[:2]
        return self.kind == "host" or (same_version and sys.platform == "linux")

    @property
    def pip_options(self) -> tuple[str, ...]:
        """The options that make pip install for the target."""
        if self.kind == "host":
            return ()
        machine = _MACHINES[self.architecture]
        newest = _GLIBC.get(self.python_version, _GLIBC_OF_AMAZON_LINUX_2023)
        # pip needs each platform by name: given a newer one, it does not accept wheels for the
        # older ones.
        versions = [f"manylinux_2_{minor}" for minor in range(newest, _OLDEST_GLIBC - 1, -1)]
        return (
            *(f"--platform={version}_{machine}" for version in [*versions, "manylinux2014"]),
            f"--python-version={self.python_version}",
            "--implementation=cp",
            "--only-binary=:all:",
        )

    @property
    def marker_environment(self) -> dict[str, str]:
        """The values of the environment markers in requirements (PEP 508)."""
        if self.kind == "host":
            return {key: str(value) for key, value in default_environment().items()}
        # Lambda runs recent patch releases; markers that name a patch release are for old ones.
        full_version = f"{self.python_version}.99"
        return {
            "implementation_name": "cpython",
            "implementation_version": full_version,
            "os_name": "posix",
            "platform_machine": _MACHINES[self.architecture],
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": full_version,
            "python_version": self.python_version,
            "sys_platform": "linux",
        }

    @property
    def fingerprint(self) -> str:
        """A text that differs between targets for which pip installs different files."""
        if self.kind == "host":
            suffix = sysconfig.get_config_var("SOABI")
            return f"{sysconfig.get_platform()} {sys.version_info[:2]} {suffix}"
        return " ".join(self.pip_options)


def _version_in_words(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
