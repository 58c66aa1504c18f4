"""Send the image to ECR, and note its address by digest, so that jobs and endpoints run these very bytes.

The repository is created if it is missing: every push is scanned, tags never move, the newest ten images stay. An
image that is there already is not sent again.
"""

import argparse

from deploy.announce import announce
from deploy.context import Context
from deploy.errors import DeployError
from deploy.image.engine import LocalImage, find_image, push_image
from deploy.image.repository import ensure_repository, find_digest, log_in, registry_of
from deploy.prices import other

HELP = "send the image to ECR"
EXAMPLES = """examples:
  python -m deploy push --dry-run
  python -m deploy push --set image=image-classifier:test"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(context: Context) -> None:
    if context.aws.dry_run:
        ensure_repository(context)
        target = f"{registry_of(context)}/{context.project}:TAG"
        announce(f"{target} by `docker push` of {context.settings.image}, TAG being the start of the image's id")
        return
    image = find_image(context.settings.image)
    ensure_repository(context)
    login = log_in(context)
    address = f"{login.registry}/{context.project}"
    digest = find_digest(context, imageTag=image.tag)
    if digest is None:
        announce(f"{address}:{image.tag}", price(image))
        push_image(image, f"{address}:{image.tag}", login.registry, login.user, login.password)
        digest = find_digest(context, imageTag=image.tag)
    if digest is None:
        raise DeployError(f"ECR does not list {address}:{image.tag} after its push; run the same command again.")
    context.state.put(image_uri=f"{address}@{digest}")
    print(f"Image: {address}@{digest}\nNext: python -m deploy tune")


def price(image: LocalImage) -> str:
    gigabytes = image.size / 1e9
    return f"At most ${gigabytes * other('ecr_gb_month'):.2f} per month ({gigabytes:.1f} GB before compression)"
