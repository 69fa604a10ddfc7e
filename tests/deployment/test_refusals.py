"""Invalid parameters are refused, and named, before anything is packaged, run or deployed."""

import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from modules.errors import SettingsError
from modules.settings import Settings, variable_of
from tests.conftest import ROOT
from tests.deployment.framework import params, serverless

DEFAULTS: dict[str, Any] = yaml.load(
    (ROOT / "serverless.yml").read_text(),
    type("Loader", (yaml.SafeLoader,), {"yaml_multi_constructors": {"!": lambda *_: None}}),  # noqa: S506
)["params"]["default"]
# The parameters that become settings, with the settings' names
SETTINGS = {
    "inputPrefix": "input_prefix",
    "outputPrefix": "output_prefix",
    "failedPrefix": "failed_prefix",
    "model": "model",
    "modelTtlSeconds": "model_ttl_seconds",
    "confidence": "confidence",
    "nms": "nms",
    "classes": "classes",
    "slice": "slice_side",
    "sliceOverlap": "slice_overlap",
    "draw": "draw",
    "resize": "resize",
    "engine": "engine",
    "maxImageBytes": "max_image_bytes",
    "maxImagePixels": "max_image_pixels",
}


def problems(*cases: dict[str, Any], stage: str = "dev") -> list[list[str]]:
    """Returns what deployment/params.js finds wrong in each case, a change of the defaults."""
    node = shutil.which("node")
    assert node
    code = """
        const { readParams } = require('./deployment/params.js');
        const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));
        const [stage] = process.argv.slice(1);
        const read = (given) => readParams(given, 'object-detection', stage).problems;
        console.log(JSON.stringify(cases.map(read)));
    """
    run = subprocess.run(
        [node, "-e", code, stage],
        input=json.dumps([{**DEFAULTS, **case} for case in cases]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    answer: list[list[str]] = json.loads(run.stdout)
    return answer


def test_the_defaults_have_no_problems() -> None:
    assert problems({}) == [[]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"arch": "arm65"}, "arch=arm65 cannot work: it must be one of x86_64, arm64"),
        ({"memory": "64"}, "memory=64 cannot work: it must be a whole number from 128 to 10240"),
        ({"memory": "2GB"}, "memory=2GB cannot work: it must be a whole number"),
        ({"timeout": 901}, "timeout=901 cannot work: it must be a whole number from 1 to 900"),
        ({"timeout": 1.5}, "timeout=1.5 cannot work"),
        ({"ephemeralStorage": 511}, "ephemeralStorage=511 cannot work"),
        ({"reservedConcurrency": "0"}, "reservedConcurrency=0 cannot work"),
        ({"snapStart": "yes"}, "snapStart=yes cannot work: it must be true or false"),
        ({"layer": "fat"}, "layer=fat cannot work: it must be one of slim, stock"),
        ({"engine": "cv"}, "engine=cv cannot work: it must be one of auto, opencv, onnxruntime"),
        ({"bucket": "s3://mine"}, "bucket=s3://mine cannot work"),
        ({"versioning": "on"}, "versioning=on cannot work: it must be true or false"),
        ({"logRetention": "31"}, "logRetention=31 cannot work: it must be a number of days that"),
        ({"tracing": "on"}, "tracing=on cannot work: it must be true or false"),
        ({"url": "yes"}, "url=yes cannot work: it must be true or false"),
        ({"url": "true"}, "urlCallers= cannot work: it must be the ARNs of those who may ask"),
        ({"urlCallers": "arn:aws:iam::123456789012:role/app"}, "url=false cannot work: it must be"),
        *(
            ({"url": "true", "urlCallers": callers}, f"urlCallers={callers} cannot work: it must")
            for callers in (
                "*",
                "123456789012",
                "arn:aws:iam::123456789012:role/*",
                "arn:aws:iam::*:root",
                "lambda.amazonaws.com",
                "arn:aws:iam::123456789012:role/app,*",
            )
        ),
        ({"model": "bundled"}, "modelFolder= cannot work: it must be the folder of the model with"),
        (
            {"modelFolder": "demo/fruits"},
            "cannot work: it must be bundled with modelFolder=demo/fr",
        ),
        ({"alarmEmail": "me"}, "alarmEmail=me cannot work: it must be an e-mail address"),
        ({"inputPrefix": "*/"}, "inputPrefix=*/ cannot work"),
        ({"memroy": 512}, "memroy is no parameter; the parameters are arch, memory,"),
    ],
)
def test_an_invalid_parameter_is_named_with_the_valid_values(
    given: dict[str, Any], message: str
) -> None:
    ((problem,),) = problems(given)

    assert message in problem


LOOPS = [
    {"outputPrefix": "input/"},
    {"outputPrefix": "input/done/"},
    {"failedPrefix": "input/failed/"},
    {"inputPrefix": "output/raw/"},
    {"inputPrefix": "failed/again/"},
    {"inputPrefix": "a/b/", "outputPrefix": "a/", "failedPrefix": "f/"},
]


@pytest.mark.parametrize("given", LOOPS, ids=str)
def test_prefixes_with_which_the_function_would_trigger_itself_are_refused(
    given: dict[str, Any],
) -> None:
    ((problem,),) = problems(given)

    assert "the function would trigger itself forever" in problem


def test_all_problems_are_reported_at_once() -> None:
    ((first, second),) = problems({"arch": "x86", "memory": 1})

    assert first.startswith("arch=x86")
    assert second.startswith("memory=1")


def test_snapstart_with_more_than_512_mb_of_storage_is_refused() -> None:
    ((problem,),) = problems({"snapStart": "true", "ephemeralStorage": "1024"})

    assert problem.startswith("ephemeralStorage=1024 cannot work: it must be 512 with snapStart")


def test_a_stage_name_too_long_for_a_created_buckets_name_is_refused() -> None:
    stage = "feature-with-a-long-name"
    ((problem,), joined) = problems({}, {"bucket": "pictures-of-mine"}, stage=stage)

    assert "stage=feature-with-a-long-name cannot work" in problem
    assert joined == []


def test_deployment_and_function_refuse_the_same_values() -> None:
    texts = ["", "0", "0.5", "1", "2", "-1", "1.5", "x", "nan", "inf", "input/", "output/", "a/b/"]
    texts += [
        "/",
        "/a/",
        "a",
        "input/x/",
        "auto",
        "opencv",
        "onnxruntime",
        "stretch",
        "letterbox",
        "dog,cat",
    ]
    texts += [
        "s3://models-of-mine/yolo/",
        "63",
        "64",
        "640",
        "65535",
        "65536",
        "0.9",
        "0.91",
        "blur",
        "Blur",
        "none",
    ]
    cases = [{name: text} for name in SETTINGS for text in texts]

    for case, found in zip(cases, problems(*cases), strict=True):
        ((name, text),) = case.items()
        try:
            Settings.from_environment({variable_of(SETTINGS[name]): text})
        except SettingsError:
            assert found, f"{name}={text} is refused by the function only"
        else:
            # For the function an empty setting means the default; a parameter always has a value
            harmless = text == "" or (name, text) in {
                ("model", "s3://models-of-mine/yolo/"),
                ("model", "/a/"),
            }
            assert not found or harmless, found


def test_the_defaults_are_those_of_the_settings() -> None:
    environment = {variable_of(setting): str(DEFAULTS[name]) for name, setting in SETTINGS.items()}

    # the function has the layer of OpenCV alone, and Settings() may take either engine
    assert Settings.from_environment(environment) == Settings(engine="opencv")


@pytest.mark.parametrize(
    "command",
    [
        ["print"],
        ["package"],
        ["deploy"],
        ["invoke", "local", "-f", "detect", "-d", "{}"],
    ],
    ids=" ".join,
)
def test_every_command_refuses_invalid_parameters(command: list[str], aws: dict[str, str]) -> None:
    run = serverless(*command, *params(outputPrefix="input/out/"), environment=aws)

    assert run.returncode == 1
    assert "outputPrefix=input/out/ cannot work" in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("given", "name", "command"),
    [
        ({}, "opencv-slim-x86_64.zip", "make layer KIND=slim ARCH=x86_64"),
        (
            {"arch": "arm64", "layer": "stock"},
            "opencv-stock-arm64.zip",
            "make layer KIND=stock ARCH=arm64",
        ),
        (
            {"engine": "onnxruntime"},
            "onnxruntime-x86_64.zip",
            "make layer KIND=onnxruntime ARCH=x86_64",
        ),
        (
            {"engine": "auto"},
            "onnxruntime-x86_64.zip",
            "make layer KIND=onnxruntime ARCH=x86_64",
        ),
    ],
    ids=["slim", "stock", "onnxruntime", "auto"],
)
def test_a_layer_that_is_not_built_is_named_with_the_command_to_build_it(
    given: dict[str, str],
    name: str,
    command: str,
    layers: Path,
    aws: dict[str, str],
    tmp_path: Path,
) -> None:
    for other in layers.iterdir():
        if other.name != name:
            shutil.copy(other, tmp_path)
    options = params(layerFolder=tmp_path, **given)

    run = serverless("package", "--package", tmp_path / "package", *options, environment=aws)

    assert run.returncode == 1
    message = f"The layer {tmp_path / name} is not built; build it with: {command}"
    assert message in run.stdout + run.stderr


def test_a_function_that_is_too_large_with_its_layers_is_refused_with_each_size(
    layers: Path, aws: dict[str, str], tmp_path: Path
) -> None:
    shutil.copytree(layers, tmp_path / "layers")
    with zipfile.ZipFile(
        tmp_path / "layers" / "opencv-stock-x86_64.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1
    ) as archive:
        archive.writestr("python/large", bytes(261_000_000))
    given = params(
        layerFolder=tmp_path / "layers", layer="stock", model="bundled", modelFolder="demo/fruits"
    )

    run = serverless("package", "--package", tmp_path / "package", *given, environment=aws)

    assert run.returncode == 1
    message = run.stdout + run.stderr
    size = sum(path.stat().st_size for path in (ROOT / "bundled" / "fruits").iterdir())
    assert "bytes unzipped, and Lambda takes fewer than 262,144,000: the code " in message
    assert f"the bundled model {size:,}, opencv-stock-x86_64.zip 261,000,000" in message


@pytest.mark.parametrize(
    ("folder", "reason"),
    [("demo/none", "demo/none"), ("demo/drawing", "demo/drawing")],
    ids=["missing", "no model"],
)
def test_a_model_that_cannot_be_bundled_is_refused_with_the_reason(
    folder: str, reason: str, layers: Path, aws: dict[str, str], tmp_path: Path
) -> None:
    given = params(layerFolder=layers, model="bundled", modelFolder=folder)

    run = serverless("package", "--package", tmp_path / "package", *given, environment=aws)

    assert run.returncode == 1
    (line,) = [line for line in (run.stdout + run.stderr).splitlines() if "be bundled" in line]
    assert line.startswith(f"modelFolder={folder} cannot be bundled: ")
    assert reason in line.partition("bundled: ")[2]


def test_print_shows_the_values_of_the_stage(aws: dict[str, str]) -> None:
    options = [*params(memory=512), "--stage", "prod", "--path", "provider", "--format", "json"]

    run = serverless("print", *options, environment=aws)

    assert run.returncode == 0, run.stdout + run.stderr
    provider = json.loads(run.stdout)
    assert (provider["memorySize"], provider["logRetentionInDays"]) == (512, 365)
