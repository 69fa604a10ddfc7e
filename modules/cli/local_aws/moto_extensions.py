"""Adds to moto what `serverless deploy` and running functions need; start at `install`.

moto runs functions in Docker only. It also silently ignores parts of a CloudFormation template: a
function's layers and asynchronous configuration, a bucket's notifications and versioning. Each part
of this module fills one such gap and can be deleted once moto supports it. Two types of resources
are left out, and moto's warnings about them are not shown. Bucket policies: moto would apply a
policy without its conditions, and a policy that demands TLS would then deny every request. Alarms:
there are no metrics that could set them off.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import warnings
from collections.abc import Callable
from typing import Any

from moto.awslambda.models import LambdaFunction, LayerVersion
from moto.cloudformation.models import CloudFormationBackend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.common_models import CloudFormationModel
from moto.s3 import notifications
from moto.s3.models import FakeBucket

from .execution_environment import Outcome
from .function_url import FunctionUrl
from .functions import AsyncPolicy, Functions
from .moto_server import REGION

_LEFT_OUT = ("AWS::S3::BucketPolicy", "AWS::CloudWatch::Alarm")
# function URLs that are deployed, by function name
_URLS: dict[str, FunctionUrl] = {}
_start_url: list[Callable[[str], FunctionUrl]] = []
# moto's name for each kind of notification, its destination's and its list's in a template
_DESTINATIONS = (
    ("CloudFunction", "Function", "LambdaConfigurations"),
    ("Queue", "Queue", "QueueConfigurations"),
    ("Topic", "Topic", "TopicConfigurations"),
)
# by function name: the number of retries, and the ARN of the on-failure queue
_ASYNC_CONFIGURATIONS: dict[str, tuple[int, str | None]] = {}


def install(functions: Functions, start_url: Callable[[str], FunctionUrl]) -> None:
    """Patches moto, for the lifetime of this process, to invoke through `functions`.

    `start_url` starts the URL of a function, given its name.
    """
    _start_url[:] = [start_url]
    moto_delete_stack = CloudFormationBackend.delete_stack

    def invoke(self: LambdaFunction, body: Any, headers: Any, answer: Any) -> bytes:
        kind = headers.get("x-amz-invocation-type", "RequestResponse")
        payload = body.encode() if isinstance(body, str) else body or b"{}"
        if kind == "Event":
            functions.invoke_later(self.function_name, payload)
            return b""
        return _answer(functions.invoke(self.function_name, payload), answer)

    def notify(account_id: str, event: Any, arn: str, region: str) -> None:
        functions.invoke_later(arn.split(":")[6], json.dumps(event).encode())

    def delete_stack(self: CloudFormationBackend, name: str) -> None:
        with contextlib.suppress(KeyError):  # moto loses a stack's exports when it is updated
            moto_delete_stack(self, name)

    _hide_warnings()
    _complete_after_cloudformation(LambdaFunction, _complete_function)
    _complete_after_cloudformation(FakeBucket, _complete_bucket)
    LambdaFunction.invoke = invoke
    notifications._invoke_awslambda = notify
    CloudFormationBackend.delete_stack = delete_stack
    LayerVersion.__str__ = lambda self: self.arn  # `serverless info` shows it


def close_urls() -> None:
    """Stops every function URL."""
    for name in list(_URLS):
        _URLS.pop(name).close()


def _hide_warnings() -> None:
    """Hides what moto prints, twice for each resource, about the types that are left out."""
    logging.getLogger("moto").addFilter(_is_news)
    for kind in _LEFT_OUT:
        warnings.filterwarnings("ignore", message=f"Tried to parse {kind} but", module="moto")


def _is_news(record: logging.LogRecord) -> bool:
    texts = {f"No Moto CloudFormation support for {kind}" for kind in _LEFT_OUT}
    return record.getMessage() not in texts


def async_policy(function_name: str) -> AsyncPolicy:
    """Returns the deployed configuration for asynchronous invocation, or else Lambda's defaults."""
    arn = f"arn:aws:lambda:{REGION}:{DEFAULT_ACCOUNT_ID}:function:{function_name}"
    return AsyncPolicy(arn, *_ASYNC_CONFIGURATIONS.get(function_name, ()))


class EventInvokeConfig(CloudFormationModel):
    """The resource AWS::Lambda::EventInvokeConfig. moto finds this class by its base class."""

    def __init__(self, name: str) -> None:
        self.physical_resource_id = f"{name}-event-invoke-config"
        self._function_name = name

    @staticmethod
    def cloudformation_name_type() -> str:
        """Returns the property with the resource's name: none."""
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        """Returns the resource type that this class implements."""
        return "AWS::Lambda::EventInvokeConfig"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, *_: Any, **__: Any
    ) -> EventInvokeConfig:
        """Reads retries and the on-failure queue from the template."""
        properties = cloudformation_json["Properties"]
        name = getattr(properties["FunctionName"], "function_name", properties["FunctionName"])
        on_failure = properties.get("DestinationConfig", {}).get("OnFailure", {})
        retries = int(properties.get("MaximumRetryAttempts", AsyncPolicy.retries))
        _ASYNC_CONFIGURATIONS[name] = retries, on_failure.get("Destination")
        return cls(name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, *_: Any
    ) -> EventInvokeConfig:
        """Reads the changed template."""
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json)

    def delete(self, *_: Any) -> None:
        """Restores Lambda's defaults for the function."""
        _ASYNC_CONFIGURATIONS.pop(self._function_name, None)


class Url(CloudFormationModel):
    """The resource AWS::Lambda::Url. moto finds this class by its base class."""

    def __init__(self, function_name: str) -> None:
        self.physical_resource_id = function_name
        if function_name not in _URLS:
            (start,) = _start_url
            _URLS[function_name] = start(function_name)

    @staticmethod
    def cloudformation_name_type() -> str:
        """Returns the property with the resource's name: none."""
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        """Returns the resource type that this class implements."""
        return "AWS::Lambda::Url"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Returns whether a template may ask for this attribute."""
        return attr in ("FunctionUrl", "FunctionArn")

    def get_cfn_attribute(self, name: str) -> str:
        """Returns an attribute for Fn::GetAtt."""
        if name == "FunctionUrl":
            return _URLS[self.physical_resource_id].address
        return f"arn:aws:lambda:{REGION}:{DEFAULT_ACCOUNT_ID}:function:{self.physical_resource_id}"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, *_: Any, **__: Any
    ) -> Url:
        """Starts the URL of the template's function."""
        properties = cloudformation_json["Properties"]
        return cls(str(properties["TargetFunctionArn"]).split(":")[6])

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, *_: Any
    ) -> Url:
        """Keeps the URL: nothing about it can change."""
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json)

    def delete(self, *_: Any) -> None:
        """Stops the URL."""
        if url := _URLS.pop(self.physical_resource_id, None):
            url.close()


def _complete_after_cloudformation(
    model: type[Any], complete: Callable[[Any, dict[str, Any]], None]
) -> None:
    """Makes moto call `complete` with each resource that a template creates or updates.

    Args:
        model: moto's class of the resource.
        complete: called with the resource and its properties in the template.
    """
    for name in ("create_from_cloudformation_json", "update_from_cloudformation_json"):
        method = getattr(model, name).__func__

        def wrapped(cls: Any, /, *arguments: Any, method: Any = method, **options: Any) -> Any:
            properties = _properties((*arguments, *options.values()))
            if "Layers" in properties:  # moto replaces a !Ref with its own object
                layers = properties["Layers"]
                properties["Layers"] = [getattr(layer, "arn", layer) for layer in layers]
            resource = method(cls, *arguments, **options)
            complete(resource, properties)
            return resource

        setattr(model, name, classmethod(wrapped))


def _properties(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Returns a resource's properties, found in the arguments of one of moto's methods."""
    (template,) = (
        value for value in arguments if isinstance(value, dict) and "Properties" in value
    )
    properties: dict[str, Any] = template["Properties"]
    return properties


def _complete_function(function: LambdaFunction, properties: dict[str, Any]) -> None:
    function.layers = function._get_layers_data(properties.get("Layers", []))
    function.architectures = properties.get("Architectures", ["x86_64"])
    function.ephemeral_storage = properties.get("EphemeralStorage", {}).get("Size", 512)
    function.reserved_concurrency = properties.get("ReservedConcurrentExecutions")


def _complete_bucket(bucket: FakeBucket, properties: dict[str, Any]) -> None:
    given = properties.get("NotificationConfiguration", {})
    configuration: dict[str, Any] = {
        f"{name}Configuration": [
            {
                name: notification[destination],
                "Event": [notification["Event"]],
                "Filter": _filter(notification),
            }
            for notification in given.get(listed, [])
        ]
        for name, destination, listed in _DESTINATIONS
    }
    if "EventBridgeConfiguration" in given:
        configuration["EventBridgeConfiguration"] = {}
    bucket.set_notification_configuration(configuration)
    versioning = properties.get("VersioningConfiguration", {}).get("Status")
    if versioning:
        bucket.versioning_status = versioning


def _filter(configuration: dict[str, Any]) -> dict[str, Any]:
    rules = configuration.get("Filter", {}).get("S3Key", {}).get("Rules", [])
    return {"S3Key": {"FilterRule": rules}} if rules else {}


def _answer(outcome: Outcome, headers: Any) -> bytes:
    if outcome.is_error:
        headers["x-amz-function-error"] = "Unhandled"
    log = outcome.log.encode()[-4096:]  # Lambda returns as much
    headers["x-amz-log-result"] = base64.b64encode(log).decode()
    return outcome.payload
