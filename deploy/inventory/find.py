"""Everything of a project, by its tag and by its names, in the order in which it can be removed."""

from collections.abc import Iterator

from deploy.context import Context
from deploy.inventory.ground import find_ground
from deploy.inventory.jobs import find_running
from deploy.inventory.resource import Resource
from deploy.inventory.serving import find_serving


def find_all(context: Context) -> Iterator[Resource]:
    """Jobs first, which write to the bucket; the role that they need last."""
    yield from find_running(context)
    yield from find_serving(context)
    yield from find_ground(context)
