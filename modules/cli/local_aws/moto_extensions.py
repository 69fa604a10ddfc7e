"""Makes good what moto lacks for `serverless deploy`; start at `install`.

moto runs functions in Docker only, and leaves parts of a CloudFormation template out without a
word: a function's layers and asynchronous configuration, a bucket's notifications and versioning.
Each piece here fills one such gap, and goes when moto has it. Bucket policies stay out: moto would
apply one without its conditions, and a policy that asks for TLS would shut everybody out.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable
from typing import Any

from moto.awslambda.models import LambdaFunction, LayerVersion
from moto.cloudformation.models import CloudFormationBackend
from moto.core.common_models import CloudFormationModel
from moto.s3 import notifications
from moto.s3.models import FakeBucket

from .execution import Outcome
from .functions import AsyncPolicy, Functions

_ASYNC_POLICIES: dict[str, AsyncPolicy] = {}  # by function name


def install(functions: Functions) -> None:
    """Has moto, in this process and for good, run functions through `functions`."""
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
        with contextlib.suppress(KeyError):  # moto forgets a stack's exports when it is updated
            moto_delete_stack(self, name)

    _complete_after_cloudformation(LambdaFunction, _complete_function)
    _complete_after_cloudformation(FakeBucket, _complete_bucket)
    LambdaFunction.invoke = invoke
    notifications._invoke_awslambda = notify
    CloudFormationBackend.delete_stack = delete_stack
    LayerVersion.__str__ = lambda self: self.arn  # what `serverless info` shows of it


def async_policy(function_name: str) -> AsyncPolicy:
    """What the deployed stack says about asynchronous invocation; Lambda's defaults if nothing."""
    return _ASYNC_POLICIES.get(function_name, AsyncPolicy())


class EventInvokeConfig(CloudFormationModel):
    """AWS::Lambda::EventInvokeConfig; moto finds it, as it finds its own, by its base class."""

    def __init__(self, name: str) -> None:
        self.physical_resource_id = f"{name}-event-invoke-config"
        self._function_name = name

    @staticmethod
    def cloudformation_name_type() -> str:
        """No property holds its name."""
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        """The type that it answers for."""
        return "AWS::Lambda::EventInvokeConfig"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, *_: Any, **__: Any
    ) -> EventInvokeConfig:
        """Takes retries and destination from the template."""
        properties = cloudformation_json["Properties"]
        name = getattr(properties["FunctionName"], "function_name", properties["FunctionName"])
        on_failure = properties.get("DestinationConfig", {}).get("OnFailure", {})
        retries = int(properties.get("MaximumRetryAttempts", AsyncPolicy.retries))
        _ASYNC_POLICIES[name] = AsyncPolicy(retries, on_failure.get("Destination"))
        return cls(name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, *_: Any
    ) -> EventInvokeConfig:
        """Takes them again."""
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json)

    def delete(self, *_: Any) -> None:
        """Goes back to Lambda's defaults."""
        _ASYNC_POLICIES.pop(self._function_name, None)


def _complete_after_cloudformation(
    model: type[Any], complete: Callable[[Any, dict[str, Any]], None]
) -> None:
    """Has `complete` see a resource and its properties whenever a template made or changed it."""
    for name in ("create_from_cloudformation_json", "update_from_cloudformation_json"):
        method = getattr(model, name).__func__

        def wrapped(cls: Any, /, *arguments: Any, method: Any = method, **options: Any) -> Any:
            properties = _properties((*arguments, *options.values()))
            if "Layers" in properties:  # where the template says !Ref, moto puts its own object
                layers = properties["Layers"]
                properties["Layers"] = [getattr(layer, "arn", layer) for layer in layers]
            resource = method(cls, *arguments, **options)
            complete(resource, properties)
            return resource

        setattr(model, name, classmethod(wrapped))


def _properties(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """A resource's properties, out of the arguments that moto's methods share."""
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
    configurations = properties.get("NotificationConfiguration", {}).get("LambdaConfigurations", [])
    bucket.set_notification_configuration(
        {
            "CloudFunctionConfiguration": [
                {
                    "CloudFunction": configuration["Function"],
                    "Event": [configuration["Event"]],
                    "Filter": _filter(configuration),
                }
                for configuration in configurations
            ]
        }
    )
    versioning = properties.get("VersioningConfiguration", {}).get("Status")
    if versioning:
        bucket.versioning_status = versioning


def _filter(configuration: dict[str, Any]) -> dict[str, Any]:
    rules = configuration.get("Filter", {}).get("S3Key", {}).get("Rules", [])
    return {"S3Key": {"FilterRule": rules}} if rules else {}


def _answer(outcome: Outcome, headers: Any) -> bytes:
    if outcome.is_error:
        headers["x-amz-function-error"] = "Unhandled"
    log = outcome.log.encode()[-4096:]  # as much as Lambda gives
    headers["x-amz-log-result"] = base64.b64encode(log).decode()
    return outcome.payload
