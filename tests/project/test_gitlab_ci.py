"""GitLab accepts the pipeline, and its scripts run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modules.cli.local_aws.aws import LocalAws
from tests.conftest import ROOT
from tests.deployment.stack import find_layer

PIPELINE: dict[str, Any] = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())
CI_RUN = (ROOT / ".ci" / "run").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
JOBS = {
    name: job
    for name, job in PIPELINE.items()
    if isinstance(job, dict) and "stage" in job and not name.startswith(".")
}
# In the pipeline's order
DEPLOYING = ["package", "review", "production", "remove"]
# .ci/run runs these jobs, which cannot run inside a test
RUN_BY_CI = {"lint", "test"}
# Only people and the pipeline run these jobs: compiling the slim layer takes half an hour, training
# takes an hour, the nightly tests take hours, and an audit sends requests to public services
RUN_BY_HAND = {"audit", "layer", "nightly", "train"}


def test_gitlab_accepts_the_pipeline() -> None:
    check = Path(sys.executable).parent / "check-jsonschema"

    run = subprocess.run(
        [check, "--builtin-schema", "vendor.gitlab-ci", ".gitlab-ci.yml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout


def test_every_job_belongs_to_a_stage_in_the_order_of_the_stages() -> None:
    assert [job["stage"] for job in JOBS.values()] == sorted(
        (job["stage"] for job in JOBS.values()), key=PIPELINE["stages"].index
    )


def test_every_job_is_run_by_a_test_or_by_ci_or_by_hand() -> None:
    assert set(JOBS) == {*DEPLOYING, *RUN_BY_CI, *RUN_BY_HAND}


def test_production_waits_for_a_person() -> None:
    assert [rule["when"] for rule in JOBS["production"]["rules"]] == ["manual"]


def test_there_are_no_long_lived_keys() -> None:
    text = (ROOT / ".gitlab-ci.yml").read_text()

    assert "AWS_ACCESS_KEY" not in text
    assert "AWS_SECRET" not in text
    assert "id_tokens" in PIPELINE[".aws"]


def test_ci_lints_as_the_pipeline_does() -> None:
    assert JOBS["lint"]["script"] == ["make lint"]
    assert "\nmake test\n" in CI_RUN
    assert recipe("test").endswith(" lint pytest")


def test_ci_builds_and_tests_what_the_pipeline_does(tmp_path: Path) -> None:
    made = commands_made(JOBS["test"], "3.13", tmp_path)

    assert made == ["layer KIND=stock", ".venv-lambda/installed", "coverage"]
    for command in made[:2]:
        assert f"make {command}" in CI_RUN
    # coverage runs the same tests: it adds options to pytest, and no paths
    (options,) = re.findall(r'pytest PYTEST="([^"]+)"', recipe("coverage"))
    assert all(option.startswith("--cov") for option in options.split())


def test_layers_are_built_for_lambdas_python_only(tmp_path: Path) -> None:
    (matrix,) = JOBS["test"]["parallel"]["matrix"]

    assert matrix == {"TEST_PYTHON": ["3.11", "3.12", "3.13"]}
    assert JOBS["test"]["image"] == "python:$TEST_PYTHON-trixie"
    for python in ("3.11", "3.12"):
        assert commands_made(JOBS["test"], python, tmp_path) == ["coverage"]


def test_the_reports_lie_where_the_tests_write_them() -> None:
    reports = JOBS["test"]["artifacts"]["reports"]

    assert f"--cov-report=xml:{reports['coverage_report']['path']}" in recipe("coverage")
    assert JOBS["test"]["variables"]["PYTEST_ADDOPTS"] == f"--junit-xml={reports['junit']}"


def test_the_total_coverage_is_found_in_the_output() -> None:
    pattern = JOBS["test"]["coverage"].strip("/")

    found = re.search(pattern, "modules/errors.py   10   1   90%\nTOTAL   9000   270   97%", re.M)

    assert found is not None
    assert found[1] == "97%"


def commands_made(job: dict[str, Any], python: str, folder: Path) -> list[str]:
    """Runs a job's script with a `make` that only records its arguments, and returns those."""
    record = folder / "made"
    record.write_text("")
    make = folder / "make"
    make.write_text(f'#!/bin/sh\necho "$@" >>{record}\n')
    make.chmod(0o755)
    subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-c", "\n".join(job["script"])],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "TEST_PYTHON": python},
        check=True,
    )
    return record.read_text().splitlines()


def recipe(target: str) -> str:
    """Returns the commands of a make target, in one line."""
    rule = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert rule is not None, f"the Makefile has no target {target}"
    return " ".join(rule[1].replace("\\\n", " ").split())


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as server:
        yield server


@pytest.mark.timeout(1200)  # four jobs, each of which calls the Serverless Framework
def test_the_deploying_jobs_run_one_after_the_other(aws: LocalAws) -> None:
    """Packages, deploys as a review app and to production, and removes the review app."""
    layer = find_layer()
    environment = {**os.environ, **aws.environment, "STAGE": "review-a-branch", "LAYER": layer}
    review, production = "object-detection-review-a-branch", "object-detection-prod"
    stacks_after = {
        "package": set[str](),
        "review": {review},
        "production": {review, production},
        "remove": {production},
    }

    for name in DEPLOYING:
        run = subprocess.run(
            ["bash", "-e", "-u", "-o", "pipefail", "-c", "\n".join(JOBS[name]["script"])],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

        assert run.returncode == 0, f"{name}: {run.stdout}{run.stderr}"
        stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
        assert {stack["StackName"] for stack in stacks} == stacks_after[name], name
