"""The emulator's certificate for https."""

import subprocess
from pathlib import Path


def make_certificate(folder: Path, address: str) -> Path:
    """Make a self-signed server certificate for `address` in `folder`; return its file.

    This needs the `openssl` command.
    """
    request = folder / "certificate.cnf"
    request.write_text(
        "[req]\ndistinguished_name = subject\nprompt = no\nx509_extensions = server\n"
        "[subject]\nCN = queue-ends-emulator\n"
        "[server]\nbasicConstraints = critical, CA:FALSE\nsubjectKeyIdentifier = hash\n"
        "keyUsage = critical, digitalSignature, keyEncipherment\nextendedKeyUsage = serverAuth\n"
        f"subjectAltName = DNS:localhost, IP:127.0.0.1, IP:{address}\n"
    )
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    command += ["-config", str(request), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate
