"""How tests are spread over workers; see `FileScheduling`, which conftest.py gives to pytest-xdist.

The tests of one file run on the same worker, and so do those of files that share something slow to
start, or a folder of the checkout. (pytest-xdist 3.8's own `--dist loadgroup` does nothing under
pytest 9.2: it appends the group to an attribute that pytest no longer reads.)
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# By the start of a file's path. Slow groups come first, so that no worker begins one at the end
_GROUPS = {
    "tests/spark/": "spark",
    "tests/deployment/": "serverless",  # deployments share the folder .serverless
    "tests/cli/test_local.py": "serverless",
    "tests/project/test_gitlab_ci.py": "serverless",
}
_EARLY = (
    "tests/project/test_recipes",
    "tests/function/",
    "tests/faults/",
    "tests/models/",
    "tests/cli/",
    "tests/fuzz/",
)


class FileScheduling(LoadScopeScheduling):
    """Sends all tests of a group, or else of a file, to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.split("::", 1)[0])


def group_of(path: str) -> str:
    """Returns the group of the tests in a file, given its path in the checkout."""
    return next((group for start, group in _GROUPS.items() if path.startswith(start)), path)


def rank(path: str) -> int:
    """Returns the place of a file in the order of the run; slow groups have low ranks."""
    starts = [*_GROUPS, *_EARLY]
    return next(
        (place for place, start in enumerate(starts) if path.startswith(start)), len(starts)
    )
