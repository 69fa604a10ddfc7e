"""The pipeline: valid for GitLab, and its scripts run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modules.cli.local_aws.server import LocalAws
from tests.conftest import ROOT
from tests.deployment.stack import find_layer

PIPELINE: dict[str, Any] = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())
JOBS = {
    name: job
    for name, job in PIPELINE.items()
    if isinstance(job, dict) and "stage" in job and not name.startswith(".")
}
# What a test cannot run within itself, CI runs: see .ci/run
RUN_BY_CI = {"lint", "test"}
# The slim layer's compilation takes half an hour, and an audit asks services of the outside world,
# so that they are run by hand and by the pipeline
RUN_BY_HAND = {"audit", "layer"}


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


def test_production_waits_for_a_person() -> None:
    assert [rule["when"] for rule in JOBS["production"]["rules"]] == ["manual"]


def test_there_are_no_long_lived_keys() -> None:
    text = (ROOT / ".gitlab-ci.yml").read_text()

    assert "AWS_ACCESS_KEY" not in text
    assert "AWS_SECRET" not in text
    assert "id_tokens" in PIPELINE[".aws"]


@pytest.mark.parametrize("name", sorted(RUN_BY_CI))
def test_ci_runs_the_same_commands(name: str) -> None:
    script = (ROOT / ".ci" / "run").read_text()
    makefile = (ROOT / "Makefile").read_text()

    for command in JOBS[name]["script"]:
        is_prerequisite = command == "make lint" and "test: setup batch lint" in makefile
        assert command in script or is_prerequisite, command


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as server:
        yield server


@pytest.mark.parametrize("name", [name for name in JOBS if name not in RUN_BY_CI | RUN_BY_HAND])
def test_the_scripts_run(name: str, aws: LocalAws) -> None:
    """In their order: packaged, deployed as a review app and to production, and removed."""
    layer = find_layer()
    environment = {**os.environ, **aws.environment, "STAGE": "review-a-branch", "LAYER": layer}

    run = subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-c", "\n".join(JOBS[name]["script"])],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    names = {stack["StackName"] for stack in stacks}
    review, production = "object-detection-review-a-branch", "object-detection-prod"
    expected = {"review": {review}, "production": {review, production}, "remove": {production}}
    assert names == expected.get(name, set())
