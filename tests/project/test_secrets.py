"""The repository holds no credentials.

The search uses the formats of providers' credentials, not a measure of randomness: the lock files
and the reference values are full of digits that look random but are no credentials.
"""

import re
import subprocess

import pytest

from tests.conftest import ROOT

# The formats that the providers document
PATTERNS = {
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "an AWS secret key": (
        r"(?i)(?:secret_?access_?key|aws_secret)[\"']?\s*[:=]\s*[\"']?[A-Za-z0-9/+]{40}\b"
    ),
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "a GitLab token": r"\bgl(?:pat|ptt|dt|rt|cbt|agent|soat)-[\w-]{20,}",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{36,})",
    "an npm token": r"\bnpm_[A-Za-z0-9]{36}\b|_authToken\s*=\s*[^\s$]",
    "a PyPI token": r"\bpypi-AgE[\w-]{50,}",
    "a Slack token": r"\bxox[abeoprs]-[\w-]{10,}",
    "a Google key": r"\bAIza[\w-]{35}\b",
    "a signed token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "a signed address": r"X-Amz-Signature=[0-9a-f]{64}",
    "an address with a password": r"\b[a-z][a-z0-9+]*://[^\s/:@\"'{}<$]+:[^\s/:@\"'{}<$]+@[\w.]",
}

# Concatenated, so that the search does not find them in this file
EXAMPLES = {
    "an AWS access key": "AKI" + "A" + "Q" * 16,
    "an AWS secret key": "aws_secret_access_key = " + "wJalr/+x" * 5,
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a GitLab token": "glpat" + "-" + "x" * 20,
    "a GitHub token": "ghp" + "_" + "x" * 36,
    "an npm token": "//registry.example/:_auth" + "Token=abc",
    "a PyPI token": "pypi-" + "AgE" + "x" * 50,
    "a Slack token": "xoxb" + "-" + "1" * 12,
    "a Google key": "AIza" + "x" * 35,
    "a signed token": ".".join(["ey" + "J" + "x" * 12, "ey" + "J" + "x" * 12, "x" * 12]),
    "a signed address": "X-Amz-Signature" + "=" + "0" * 64,
    "an address with a password": "https:" + "//user:word@registry.example/simple",
}


def found_in(text: str) -> list[str]:
    return [name for name, pattern in PATTERNS.items() if re.search(pattern, text)]


@pytest.mark.parametrize("name", PATTERNS)
def test_each_kind_of_credential_is_found(name: str) -> None:
    assert name in found_in(f"# some text\nvalue: {EXAMPLES[name]}\n")


def test_no_file_of_the_repository_holds_a_credential() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("needs a Git checkout, which lists the project's files")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    files = [path for path in paths if path.is_file()]
    assert ROOT / "serverless.yml" in files

    for path in files:
        assert found_in(path.read_bytes().decode(errors="replace")) == [], path
