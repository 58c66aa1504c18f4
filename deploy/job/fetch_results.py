"""What a training job left in S3 -> a folder laid out as a local run, for the debugger's report and for serving."""

import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from container import contract
from deploy.aws import explain
from deploy.context import Context
from deploy.errors import DeployError
from deploy.requests.training_job import JOBS
from local_test.archive_members import checked_members
from local_test.job_archive import unpack_results
from local_test.s3_run import ARCHIVE, chosen, download, list_items

RUNS = Path("runs")
MAX_MODEL_BYTES = 16 << 30  # of all its forms together; the largest backbone takes 2.5 GB in fp32


def fetch_results(context: Context, job: str) -> Path:
    """runs/<job> with the job's metrics, verdicts, tensors and profile; what is there already is not fetched again."""
    run_dir, prefix = RUNS / job, f"{context.project}/{JOBS}/{job}"
    client = context.aws.client("s3")
    try:
        items = list(list_items(client, context.bucket, prefix))
        if items:
            download(client, context.bucket, chosen(items, f"s3://{context.bucket}/{prefix}"), run_dir)
    except (BotoCoreError, ClientError, Boto3Error) as error:
        raise explain(error, "s3", "GetObject", context.aws.region) from error
    if (run_dir / ARCHIVE).is_file():
        unpack_results(run_dir / ARCHIVE, run_dir / "output" / "data")
    return run_dir


def fetch_model(context: Context, model_data: str, run_dir: Path) -> Path:
    """model/model.pt of a run, out of the job's model.tar.gz, and its bf16 and int8 forms where there are any.

    Raises UserError if the archive is damaged, or refuses to be unpacked for its links, names or size.
    """
    bucket, _, key = model_data.removeprefix("s3://").partition("/")
    archive, model = run_dir / "model" / "model.tar.gz", run_dir / "model" / contract.MODEL_FILE
    archive.parent.mkdir(parents=True, exist_ok=True)
    try:
        context.aws.client("s3").download_file(bucket, key, str(archive))
    except (BotoCoreError, ClientError, Boto3Error) as error:
        raise explain(error, "s3", "GetObject", context.aws.region) from error
    try:
        names = _unpack_model(archive)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DeployError(f"{model_data} is damaged ({error}); train again with --again.") from error
    if contract.MODEL_FILE not in names:
        raise DeployError(f"{model_data} holds no {contract.MODEL_FILE}; it is no model of this project.")
    return model


def _unpack_model(archive: Path) -> set[str]:
    """Names of the model's forms, written beside the archive once all of it has passed; anything else in it is left."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        with tarfile.open(archive, "r:gz") as content:
            for member in checked_members(content, archive, MAX_MODEL_BYTES):
                name, source = member.name.removeprefix("./"), content.extractfile(member)
                if name in contract.MODEL_FILES.values() and source is not None:
                    with (Path(folder) / name).open("wb") as model:
                        shutil.copyfileobj(source, model)
        names = {path.name for path in Path(folder).iterdir()}
        for name in names:
            (Path(folder) / name).replace(archive.parent / name)
    return names
