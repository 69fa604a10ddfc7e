"""Asks what is known against what this project rests on; start at `main` (`make audit`).

Licences are read from what is installed. Known vulnerabilities are asked of the package registries'
own services, by pip-audit and `npm audit`; of a service that cannot be asked nothing is known, and
that is no good news: it has an exit code of its own.
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
FINE, FOUND, NOT_ASKED = 0, 1, 3


@dataclass(frozen=True)
class Answer:
    """What a service said: what it knows against which package, and which it did not speak of."""

    findings: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Something found outweighs something that could not be asked."""
        return FOUND if self.findings else NOT_ASKED if self.unanswered else FINE


def read_pip_audit(output: str, errors: str) -> Answer:
    """What `pip-audit --format json` said.

    A package that it skips, because the service does not know it or does not answer, is one that
    nothing is known of, although pip-audit's own exit code is 0 then.
    """
    try:
        dependencies = json.loads(output)["dependencies"]
    except (ValueError, LookupError):
        return Answer(unanswered=(_last_line(errors),))
    return Answer(
        findings=tuple(
            f"{found['name']} {found['version']}: {flaw['id']}, "
            f"mended in {', '.join(flaw['fix_versions']) or 'no version'}"
            for found in dependencies
            for flaw in found.get("vulns", ())
        ),
        unanswered=tuple(found["skip_reason"] for found in dependencies if "skip_reason" in found),
    )


def read_npm_audit(output: str, errors: str) -> Answer:
    """What `npm audit --json` said."""
    try:
        report = json.loads(output)
    except ValueError:
        return Answer(unanswered=(_last_line(errors),))
    if "vulnerabilities" not in report:
        return Answer(unanswered=(report.get("message") or json.dumps(report)[:200],))
    return Answer(
        tuple(
            f"{name}: {found['severity']}: "
            # an advisory's title, or the name of the package that has one
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
        print(f"  NOT ASKED  {text}")
    if more := answer.unanswered[3:]:
        print(f"  NOT ASKED  and {len(more)} more")
    if not (answer.findings or answer.unanswered):
        print("  nothing is known against them")


def main(arguments: Sequence[str]) -> int:
    """Prints what was found; 0 nothing, 1 something, 3 nothing where not all could be asked."""
    lock = arguments[0] if arguments else "requirements-dev.txt"
    print("Licences of what the function runs on")
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
    codes = [FOUND if is_refused else FINE, python.exit_code, node.exit_code]
    return FOUND if FOUND in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
