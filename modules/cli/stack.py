"""Finds the queue, function and bucket of a deployed stack; start at `Stack`."""

from __future__ import annotations

from botocore.exceptions import ClientError

from ..errors import UsageError

_SERVICE = "object-detection"  # as in serverless.yml


class Stack:
    """The stack of a stage. It is looked up when an output is first needed."""

    def __init__(self, stage: str) -> None:
        self._name = f"{_SERVICE}-{stage}"
        self._outputs: dict[str, str] | None = None

    def output(self, name: str) -> str:
        """Returns an output of the stack; serverless.yml lists them.

        Raises:
            UsageError: there is no such stack, or it has no such output.
        """
        if self._outputs is None:
            self._outputs = self._read_outputs()
        if name not in self._outputs:
            raise UsageError(f"the stack {self._name} has no output {name}; deploy it again")
        return self._outputs[name]

    def _read_outputs(self) -> dict[str, str]:
        import boto3

        try:
            client = boto3.client("cloudformation")
            (found,) = client.describe_stacks(StackName=self._name)["Stacks"]
        except ClientError as error:
            raise UsageError(
                f"the stack {self._name}: {error.response['Error']['Message']}; choose another "
                "with --stage, or name --queue and --function"
            ) from error
        return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())}
