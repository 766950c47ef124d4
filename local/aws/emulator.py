"""The offline AWS: a MiniStack process that ends when its parent process does."""

from __future__ import annotations

import ipaddress
import os
import random
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
import certifi
from botocore.config import Config

from local.aws import parent_watch
from local.aws.certificate import make_certificate
from local.polling import polls

SERVER = Path(__file__).with_name("server.py")
READY_SECONDS = 60.0
"""The time limit for MiniStack's start, which takes less than a second on an idle machine."""
START_ATTEMPTS = 3
"""The most attempts to start MiniStack. One fails if another process takes the free port first."""
REGION = "us-east-1"
ACCOUNT = "111122223333"
"""The emulator's account number, which is also the access key id of the account's root user."""
INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "LD_LIBRARY_PATH")
"""The variables that child processes inherit, besides those for proxies and certificates."""
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
CERTIFICATE_VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_CLIENT_CREATION_LOCK = Lock()
"""Held while the shared session creates a client, as a session is not thread-safe."""


class NotLoopback(ValueError):
    """An endpoint that the offline world refuses to talk to."""


class EmulatorFailed(RuntimeError):
    """MiniStack did not start."""


def require_loopback(endpoint: str) -> str:
    """Return `endpoint` if it is on this machine.

    Raises
    ------
    NotLoopback
        `endpoint` is not on this machine. Without this check, a missing variable could lead to a
        deployment to a real AWS account.
    """
    host = urlsplit(endpoint).hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise NotLoopback(
            f"{endpoint or 'an empty endpoint'} is not on this machine. The offline world talks to"
            " loopback addresses only (127.0.0.0/8, ::1, localhost), never to a real account."
        )
    return endpoint


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running MiniStack.

    Attributes
    ----------
    endpoint
        MiniStack's URL, whose host is a loopback address.
    environment
        The variables that make the AWS CLI, the CDK CLI and boto3 call this emulator and never AWS.
    log_file
        The file with MiniStack's output, which is deleted when the emulator ends.
    """

    endpoint: str
    environment: dict[str, str]
    log_file: Path
    region: str = REGION
    account: str = ACCOUNT

    @property
    def clock_file(self) -> Path:
        """The file with CloudWatch's time minus the monotonic clock's, in seconds.

        CloudWatch's time runs with the monotonic clock, whatever time this machine is set to.
        """
        return self.log_file.with_name("cloudwatch-clock")

    def client(self, service: str, account: str | None = None, *, read_timeout: float = 60) -> Any:
        """Return a boto3 client with all permissions in `account`, by default the emulator's.

        The client ignores the user's AWS configuration.
        """
        with _CLIENT_CREATION_LOCK:
            return _session().client(
                service,
                region_name=self.region,
                endpoint_url=require_loopback(self.endpoint),
                aws_access_key_id=account or self.account,
                aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
                verify=self.environment.get("AWS_CA_BUNDLE"),
                config=Config(
                    proxies={},
                    read_timeout=read_timeout,
                    use_fips_endpoint=False,
                    use_dualstack_endpoint=False,
                    retries={"mode": "standard", "total_max_attempts": 3},
                ),
            )

    def child_environment(self, **more: str) -> dict[str, str]:
        """Return all variables for a child process that uses this emulator, including `more`."""
        return {**_inherited_variables(self.endpoint), **self.environment, **more}


@cache
def _session() -> Any:
    """Return a shared session, which loads each service model only once, because that is slow."""
    # botocore reads these three from no configuration key and no environment variable.
    defaults = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
    variables = {name: (None, None, default, None) for name, default in defaults.items()}
    return boto3.Session(botocore_session=botocore.session.Session(session_vars=variables))


def _inherited_variables(endpoint: str) -> dict[str, str]:
    """Return the inherited variables, without AWS settings and with no proxy for `endpoint`."""
    names = (*INHERITED, *CERTIFICATE_VARIABLES[1:])
    kept = {name: value for name, value in os.environ.items() if name in names}
    for name, value in os.environ.items():
        if name.lower() in PROXY_VARIABLES or name.lower().startswith(("pip_", "npm_config_")):
            kept[name] = value
    direct_hosts = dict.fromkeys(["localhost", "127.0.0.1", str(urlsplit(endpoint).hostname)])
    for name in ("no_proxy", "NO_PROXY"):
        kept[name] = ",".join(filter(None, [kept.get(name), *direct_hosts]))
    return kept


@contextmanager
def emulator(
    *, env: Mapping[str, str] | None = None, enforce_iam: bool = False
) -> Iterator[Emulator]:
    """Run MiniStack on a free loopback port during the `with` block.

    When the block is left, MiniStack and all processes that it has started are ended.

    Parameters
    ----------
    env
        More environment variables for MiniStack and for the Lambda functions that it runs.
    enforce_iam
        Serve https, which needs the `openssl` command, and enforce the policies of IAM and of
        resources, also for services that act with a role (see `server_permissions`).

    Raises
    ------
    EmulatorFailed
        MiniStack did not start; the message says why.
    """
    for _ in range(START_ATTEMPTS):
        with tempfile.TemporaryDirectory(prefix="queue-ends-", ignore_cleanup_errors=True) as name:
            folder, token = Path(name), secrets.token_hex(8)
            address = _unused_address() if enforce_iam else "127.0.0.1"
            port = _free_port(address)
            aws = _prepare_emulator(folder, address, port, enforce_iam)
            settings = _ministack_settings(folder, address, port, enforce_iam, token)
            settings["CLOUDWATCH_CLOCK"] = str(aws.clock_file)
            aws.clock_file.write_text(str(time.time() - time.monotonic()))
            with aws.log_file.open("wb") as log:
                process = parent_watch.start(
                    [sys.executable, "-I", str(SERVER)],
                    env=aws.child_environment(**{**settings, **(env or {})}),
                    cwd=folder,
                    output=log,
                    remove=folder,
                )
            try:
                if _wait_until_ready(aws, process, token):
                    yield aws
                    return
            finally:
                parent_watch.stop(process)
    raise EmulatorFailed(f"MiniStack found its port in use {START_ATTEMPTS} times.")


def _unused_address() -> str:
    """Return a random loopback address; its port 443, needed for https, is likely free.

    If the system has no loopback address except 127.0.0.1, return 127.0.0.1.
    """
    address = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return "127.0.0.1"
    return address


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _prepare_emulator(folder: Path, address: str, port: int, https: bool) -> Emulator:
    scheme = "https" if https else "http"
    endpoint = f"{scheme}://{address}:{port}"
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "offline",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if https:
        if not shutil.which("openssl"):
            raise EmulatorFailed("enforce_iam needs the `openssl` command to make a certificate.")
        certificate = make_certificate(folder, address)
        bundle = folder / "ca-bundle.pem"
        roots = [Path(os.environ.get("SSL_CERT_FILE") or certifi.where()), certificate]
        bundle.write_bytes(b"\n".join(path.read_bytes() for path in roots))
        environment |= {name: str(bundle) for name in CERTIFICATE_VARIABLES}
        environment["NODE_EXTRA_CA_CERTS"] = str(certificate)
    return Emulator(endpoint, environment, folder / "ministack.log")


def _ministack_settings(
    folder: Path, address: str, port: int, https: bool, token: str
) -> dict[str, str]:
    settings = {
        "GATEWAY_PORT": str(port),
        "EDGE_PORT": str(port),
        "BIND_HOST": address,
        "MINISTACK_HOST": address,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "MINISTACK_EDITION": token,  # returned by the health check, to identify this process
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder}/no-docker",  # MiniStack would remove containers otherwise
        "TMPDIR": str(folder),
    }
    if https:
        settings |= {
            "AUTH": "true",
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(folder / "certificate.pem"),
            "MINISTACK_SSL_KEY": str(folder / "key.pem"),
        }
    return settings


def _wait_until_ready(aws: Emulator, process: subprocess.Popen[bytes], token: str) -> bool:
    """Wait until MiniStack is ready; return False if it has ended because its port was in use."""
    bundle = aws.environment.get("SSL_CERT_FILE")
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=bundle)),
    )
    for _ in polls(READY_SECONDS):
        if process.poll() is not None:
            break
        try:
            with opener.open(f"{aws.endpoint}/_ministack/health", timeout=2) as response:
                if token in response.read().decode():
                    return True
        except OSError:
            pass
    printed = aws.log_file.read_text(errors="replace")
    if process.poll() is not None and "in use" in printed:
        return False
    raise EmulatorFailed(
        f"MiniStack was not ready at {aws.endpoint} within {READY_SECONDS:.0f} s."
        " It printed:\n" + "\n".join(printed.splitlines()[-30:])
    )
