"""Many requests to an asynchronous endpoint, with a journal beside their answers."""

import json
import mimetypes
from dataclasses import asdict, dataclass
from pathlib import Path

from container.whole_file import whole_file
from deploy.context import Context
from deploy.endpoint.image_file import IMAGE_SUFFIXES, OTHER, read_image
from deploy.endpoint.queued import QueuedRequest, RefusedError, fetch, submit, submit_image
from deploy.errors import DeployError
from deploy.stored import split_s3_uri

JOURNAL = "submitted.json"


@dataclass(frozen=True)
class Input:
    name: str  # path below the folder or prefix
    address: str = ""  # in S3
    path: Path | None = None  # on this machine


def find_inputs(context: Context, place: str) -> list[Input]:
    """The images of a folder or below an S3 address, by name. Raises DeployError if there are none."""
    found = _in_s3(context, place) if place.startswith("s3://") else _in_folder(Path(place))
    if not found and not context.aws.dry_run:
        raise DeployError(f"{place} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}); give a folder that does.")
    return found


def _in_folder(folder: Path) -> list[Input]:
    if not folder.is_dir():
        raise DeployError(f"{folder} is no folder; give a folder of images, or an s3:// address.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    return [Input(path.relative_to(folder).as_posix(), path=path) for path in paths]


def _in_s3(context: Context, address: str) -> list[Input]:
    bucket, prefix = split_s3_uri(address)
    keys = (item["Key"] for item in context.aws.pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=prefix))
    return [
        Input(key.removeprefix(prefix).lstrip("/") or Path(key).name, address=f"s3://{bucket}/{key}")
        for key in sorted(keys)
        if Path(key).suffix.lower() in IMAGE_SUFFIXES
    ]


class Batch:
    """Requests by the name of their image; `answered` and `refused` fill as `collect` is called."""

    def __init__(self, context: Context, endpoint: str, folder: Path) -> None:
        self.folder = folder
        self.answered: set[str] = set()
        self.refused: dict[str, str] = {}
        self._context, self._endpoint = context, endpoint
        self._journal = folder / JOURNAL
        self._sent: dict[str, dict[str, str]] = json.loads(self._journal.read_text()) if self._journal.is_file() else {}
        self._waiting: dict[str, QueuedRequest] = {}

    def submit(self, item: Input) -> None:
        """Send an image, unless the journal says that this one, with this content, has been sent to this endpoint."""
        image = read_image(item.path) if item.path else None
        what = f"{self._endpoint} {image.digest if image else item.address}"
        sent = self._sent.get(item.name)
        if sent and sent["what"] == what:
            self._waiting[item.name] = QueuedRequest(sent["output"], sent["failure"])
            return
        if image:
            request = submit_image(self._context, self._endpoint, image)
        else:
            content_type = mimetypes.guess_type(item.name)[0] or OTHER
            request = submit(self._context, self._endpoint, item.address, content_type)
        self._waiting[item.name] = request
        self._sent[item.name] = {"what": what, **asdict(request)}
        self._write_journal()

    def collect(self) -> tuple[bool, str]:
        """Fetch what has been answered since; whether that was the last, and how far it is."""
        for name in [name for name in self._waiting if name not in self.answered and name not in self.refused]:
            try:
                answer = fetch(self._context, self._waiting[name])
            except RefusedError as error:
                self._refuse(name, str(error))
                continue
            if answer is not None:
                self._keep(name, answer)
        done = len(self.answered) + len(self.refused)
        return done == len(self._waiting), f"{done} of {len(self._waiting)}"

    def _keep(self, name: str, answer: bytes) -> None:
        with whole_file(self.folder / f"{name}.json") as partial:
            partial.write_bytes(answer)
        self.answered.add(name)

    def _refuse(self, name: str, reason: str) -> None:
        self.refused[name] = reason
        del self._sent[name]  # so that the next run sends it again
        self._write_journal()

    def _write_journal(self) -> None:
        if self._context.aws.dry_run:
            return
        with whole_file(self._journal) as partial:
            partial.write_text(json.dumps(self._sent, indent=2, sort_keys=True) + "\n")
