"""Decides, as AWS does, whether a role's policy allows a call; start at `Policy`.

Supports only what our policies use: Allow and Deny, actions and resources with wildcards, and the
conditions StringLike and Null. Anything else is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


class Policy:
    """The statements of a policy. `attributes` replace its CloudFormation functions."""

    def __init__(self, document: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        named = [one for one in document["Statement"] if one != {"Ref": "AWS::NoValue"}]
        self.statements = [_resolve(one, attributes) for one in named]
        for statement in self.statements:
            known = {"Sid", "Effect", "Action", "Resource", "Condition"}
            assert set(statement) <= known, statement
            assert statement["Effect"] in ("Allow", "Deny"), statement

    def allows(self, action: str, resource: str, **context: str) -> bool:
        """Returns whether a call is allowed. `context`: condition keys, with _ for the colon.

        It is, if a statement allows it and none denies it.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
        """
        keys = {name.replace("_", ":"): value for name, value in context.items()}
        effects = {
            statement["Effect"]
            for statement in self.statements
            if _matches(statement["Action"], action, ignore_case=True)
            and _matches(statement["Resource"], resource)
            and _holds(statement.get("Condition", {}), keys)
        }
        return effects == {"Allow"}

    def actions(self) -> set[str]:
        """Returns every action in any statement."""
        return {action for statement in self.statements for action in _list(statement["Action"])}


def _resolve(value: Any, attributes: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_resolve(item, attributes) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Sub" in value:
        return re.sub(r"\$\{(.+?)\}", lambda match: attributes[match[1]], value["Fn::Sub"])
    if "Fn::GetAtt" in value:
        return attributes[".".join(value["Fn::GetAtt"])]
    return {key: _resolve(item, attributes) for key, item in value.items()}


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _matches(patterns: str | list[str], text: str, *, ignore_case: bool = False) -> bool:
    """Returns whether one of the patterns, with the wildcards * and ?, matches the whole text."""
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return any(
        re.fullmatch(re.escape(one).replace(r"\*", ".*").replace(r"\?", "."), text, flags)
        for one in _list(patterns)
    )


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    for operator, keys in condition.items():
        for key, wanted in keys.items():
            if operator == "StringLike":
                if key not in context or not _matches(wanted, context[key]):
                    return False
            elif operator == "Null":
                if (key not in context) != (wanted == "true"):
                    return False
            else:
                raise AssertionError(f"the condition {operator} is not supported")
    return True
