"""Checks this project's dependencies for licences and vulnerabilities; see `main` (`make audit`).

Licences are read from the installed packages. Vulnerabilities are looked up by pip-audit and
`npm audit` in the package registries' services. A service that does not answer proves nothing, so
that case has its own exit code.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import licences

_ROOT = Path(__file__).parent.parent
CLEAN, FOUND, NO_ANSWER = 0, 1, 3


@dataclass(frozen=True)
class Answer:
    """A service's answer.

    findings: a message for each vulnerable package. unanswered: a message for each package, or
    request, for which there was no answer.
    """

    findings: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """FOUND, NO_ANSWER or CLEAN; a finding counts more than a missing answer."""
        return FOUND if self.findings else NO_ANSWER if self.unanswered else CLEAN


def read_pip_audit(output: str, errors: str) -> Answer:
    """Reads the output of `pip-audit --format json`.

    pip-audit skips a package that the service does not know or does not answer for, and still exits
    with 0. Here such a package counts as unanswered.
    """
    try:
        dependencies = json.loads(output)["dependencies"]
    except (ValueError, LookupError):
        return Answer(unanswered=(_last_line(errors),))
    return Answer(
        findings=tuple(
            f"{found['name']} {found['version']}: {flaw['id']}, "
            f"fixed in {', '.join(flaw['fix_versions']) or 'no version'}"
            for found in dependencies
            for flaw in found.get("vulns", ())
        ),
        unanswered=tuple(found["skip_reason"] for found in dependencies if "skip_reason" in found),
    )


def read_npm_audit(output: str, errors: str) -> Answer:
    """Reads the output of `npm audit --json`."""
    try:
        report = json.loads(output)
    except ValueError:
        return Answer(unanswered=(_last_line(errors),))
    if "vulnerabilities" not in report:
        return Answer(unanswered=(report.get("message") or json.dumps(report)[:200],))
    return Answer(
        tuple(
            f"{name}: {found['severity']}: "
            # an advisory has a title; a string names the dependency that has the advisory
            + ", ".join(via["title"] if isinstance(via, dict) else via for via in found["via"])
            for name, found in report["vulnerabilities"].items()
        )
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no answer"])[-1]


def _run(*command: str) -> tuple[str, str]:
    try:
        done = subprocess.run(  # noqa: S603 - the commands below
            command, cwd=_ROOT, capture_output=True, text=True, check=False, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    return done.stdout, done.stderr


def _print(title: str, answer: Answer) -> None:
    print(f"\n{title}")
    for text in answer.findings:
        print(f"  FOUND      {text}")
    for text in answer.unanswered[:3]:
        print(f"  NO ANSWER  {text}")
    if more := answer.unanswered[3:]:
        print(f"  NO ANSWER  and {len(more)} more")
    if not (answer.findings or answer.unanswered):
        print("  no known vulnerabilities")


def main(arguments: Sequence[str]) -> int:
    """Prints all findings; returns FOUND, else NO_ANSWER where answers are missing, else CLEAN."""
    lock = arguments[0] if arguments else "requirements-dev.txt"
    print("Licences of the function's dependencies")
    is_refused = licences.main([str(_ROOT / "requirements.txt")])
    python = read_pip_audit(
        *_run(
            *(sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes"),
            *("--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "10"),
        )
    )
    _print(f"Vulnerabilities of the Python packages in {lock}", python)
    node = read_npm_audit(*_run("npm", "audit", "--json"))
    _print("Vulnerabilities of the npm packages in package-lock.json", node)
    codes = [FOUND if is_refused else CLEAN, python.exit_code, node.exit_code]
    return FOUND if FOUND in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
