"""Every command that the documentation shows is run, here or by CI."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest

from modules.errors import JobError
from modules.spark.session.java import java_home
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# Where the others are run. Deployments go to an AWS of one machine, never to an account.
_CI, _DEPLOY, _REDRIVE = ".ci/run", "tests/deployment/test_deploy.py", "tests/cli/test_redrive.py"
_PACKAGED = "tests/deployment/, which packages each, and deploys one"
_SERVERLESS = "tests/deployment/test_serverless.py"
RENDER = ".venv/bin/python demo/render.py"
ELSEWHERE = {
    "make demo": _CI,
    "make test": _CI,
    "make layer KIND=stock": _CI,
    "make layer KIND=stock ARCH=arm64": _CI,
    "make layer KIND=onnxruntime ARCH=arm64": _CI,
    "make setup": f"{_CI}, as part of `make test`",
    "make batch": f"{_CI}, as part of `make test`",
    "make local KIND=stock": "tests/cli/test_local.py",
    ".venv/bin/python -m modules local": "tests/cli/test_local.py",
    "source .venv/bin/activate": f"{_SERVERLESS}, which puts .venv/bin on PATH",
    "aws s3 cp demo/street.jpg s3://pictures/input/dog.jpg": f"{_SERVERLESS}, by boto3",
    "npx serverless invoke local -f detect -p tests/events/s3-put.json": _SERVERLESS,
    "npx serverless deploy --param layer=stock": _PACKAGED,
    "npx serverless deploy --stage prod --param alarmEmail=you@example.com": _PACKAGED,
    "npx serverless deploy --param arch=arm64 --param layer=stock --param engine=onnxruntime": (
        _PACKAGED
    ),
    "npx serverless deploy --param bucket=pictures-of-mine": _PACKAGED,
    "npx serverless deploy --param snapStart=true": _PACKAGED,
    "npx serverless info --verbose": _DEPLOY,
    "npx serverless logs -f detect": _DEPLOY,
    "npx serverless invoke -f detect -p tests/events/s3-put.json": _DEPLOY,
    "npx serverless remove": _DEPLOY,
    "export BUCKET=object-detection-dev-123456789012-us-east-1": _DEPLOY,
    "aws s3 cp --recursive path/to/model s3://$BUCKET/models/yolo-fastest-1.1-xl/": (
        f"{_DEPLOY}, by boto3"
    ),
    "aws s3 cp demo/street.jpg s3://$BUCKET/input/": f"{_DEPLOY}, by boto3",
    "aws s3 cp s3://$BUCKET/output/street.jpg .": f"{_DEPLOY}, by boto3",
    ".venv/bin/python -m modules failures s3://$BUCKET": "tests/cli/test_failures.py",
    ".venv/bin/python -m modules redrive --dry-run": _REDRIVE,
    ".venv/bin/python -m modules redrive": _REDRIVE,
}
MODELS = ".venv/bin/python -m modules models"
ELSEWHERE |= {
    f"{MODELS} list": "tests/cli/test_models_list.py",
    f"{MODELS} pull yolov4-tiny": "tests/cli/test_models_pull.py, another model from a mirror",
    f"{MODELS} inspect path/to/model": "tests/cli/test_models_inspect.py",
    f"{MODELS} push path/to/model s3://BUCKET/models/": "tests/cli/test_models_push.py",
    f"{MODELS} convert path/to/model model.onnx --decode --input 512x320": (
        "tests/cli/test_models_convert.py"
    ),
    f"{RENDER} scenes .cache/held-out --count 300 --seed 2": "tests/demo/test_render.py, fewer",
    f"{RENDER} fruits .cache/fruits --classes 131 --count 67692": "tests/demo/test_render.py",
    ".venv/bin/python benchmarks/accuracy.py demo/fruits .cache/held-out/images "
    ".cache/held-out/labels --by-class": "tests/demo/test_model.py, by the same functions",
    # an hour, and 3 GB of PyTorch: the one command that only whoever trains a model runs
    "make train MINUTES=60": "demo/training.csv, which it wrote",
}
BATCH = ".venv/bin/python -m modules batch"
ELSEWHERE |= {
    f"{BATCH} featurize path/to/pictures --model resnet50 --size 100 --output features": (
        "tests/spark/jobs/test_featurize.py, with random weights"
    ),
    ".venv/bin/python -m benchmarks.scaling --warm 86 --cold 1200": (
        "tests/benchmarks/test_scaling.py, by the same functions"
    ),
    f"{BATCH} reduce features --pca 16 --output components": "tests/spark/jobs/test_reduce.py",
    f"{BATCH} thumbnails path/to/pictures --size 20x20 --output pixels": (
        "tests/spark/jobs/test_thumbnails.py"
    ),
    f"{BATCH} run path/to/pictures --model resnet50 --size 100 --pca 16 --output reduced": (
        "tests/spark/jobs/test_featurize.py, with random weights"
    ),
}
DETECT = ".venv/bin/python -m modules detect"
HERE = [
    "make demo MODEL=yolo-fastest-1.1-xl IMAGES=path/to/pictures",
    f"{DETECT} path/to/pictures --model yolo-fastest-1.1-xl --output boxed",
    f"{DETECT} path/to/pictures --model path/to/model --output boxed",
    f"{DETECT} demo/street.jpg --model yolo-fastest-1.1-xl --json | jq .detections",
]
HERE_ON_SPARK = f"{BATCH} detect path/to/pictures --model yolo-fastest-1.1-xl --output detections"


def test_every_command_is_run_somewhere() -> None:
    shown = [
        line
        for page in PAGES
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(), re.DOTALL)
        for line in block.splitlines()
    ]

    assert sorted(set(shown)) == sorted([*ELSEWHERE, *HERE, HERE_ON_SPARK])
    for command, place in ELSEWHERE.items():
        assert place != _CI or command in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("command", HERE)
def test_the_commands_of_the_documentation_work(
    command: str, shared: Callable[[str], Path], tmp_path: Path
) -> None:
    if not shutil.which("jq"):
        command = command.replace("jq .detections", "python3 -m json.tool")

    run = run_here(command, shared, tmp_path)

    assert run.returncode == 0, run.stderr
    assert "stop sign" in run.stdout


def test_the_command_for_whole_buckets_works(shared: Callable[[str], Path], tmp_path: Path) -> None:
    try:
        java_home()
    except JobError as error:
        pytest.skip(str(error))
    command = HERE_ON_SPARK.replace("--output detections", f"--output {tmp_path}/detections")

    run = run_here(command, shared, tmp_path)

    assert run.returncode == 0, run.stderr
    (row,) = pyarrow.parquet.read_table(tmp_path / "detections").to_pylist()
    assert "stop sign" in [detection["label"] for detection in row["detections"]]


def run_here(
    command: str, shared: Callable[[str], Path], tmp_path: Path
) -> subprocess.CompletedProcess[str]:
    """Runs a command of the documentation on a picture of a street."""
    model = shared("models/yolo-fastest-1.1-xl")
    if not (ROOT / ".venv").exists():
        pytest.skip("the documentation's commands use .venv, which `make setup` makes")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    shutil.copy(ROOT / "demo" / "street.jpg", pictures)
    command = command.replace("path/to/pictures", str(pictures))
    command = command.replace("boxed", str(tmp_path / "boxed"))
    command = command.replace("path/to/model", str(model))
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT,
        env={**os.environ, "SHARED_DATA": str(shared("."))},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target
