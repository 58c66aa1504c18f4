"""The command line, and the subject that it describes."""

import argparse
import mimetypes
import tarfile
from pathlib import Path

from local_test.check_contract import examples
from local_test.check_contract.catalogue import ROWS
from local_test.check_contract.errors import UsageError
from local_test.check_contract.row import Mode, Row
from local_test.check_contract.subject import Lines, Request, Subject, Training, read_records
from local_test.train_local import pair

EXAMPLES = """examples:
  python -m local_test.check_contract image-classifier:latest
  python -m local_test.check_contract image-classifier:latest --run runs/dogs --modes hosting,serverless
  python -m local_test.check_contract other:1.0 --model model.tar.gz --body iris.csv --content-type text/csv \\
      --modes image,hosting,batch
  python -m local_test.check_contract other:1.0 --channel training=data -p max_depth=3 --endless rounds=100000 \\
      --modes training

Without options it checks what images like ours do: they train on pictures and are sent one. Rows that --list calls
required decide the exit status; others warn. Nothing is left running, also after Ctrl-C."""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.check_contract",
        description="Check an image, as a black box, against every line of SageMaker's container contract.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("image", nargs="?", help="name of the image")
    parser.add_argument("--list", action="store_true", help="print the rows and check nothing")
    parser.add_argument("--only", metavar="ROW", type=words, action="extend", default=[], help="check these rows alone")
    modes = ",".join(mode.value for mode in Mode)
    parser.add_argument("--modes", type=words, default=[], metavar="MODE,...", help=f"check these alone, of {modes}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="modes that are checked at a time (default: 1)"
    )
    parser.add_argument(
        "--docker-option", action="append", default=[], metavar="OPTION", help="for every container, as --shm-size=1g"
    )
    _add_hosting(parser.add_argument_group("what is served and asked"))
    _add_training(parser.add_argument_group("what is trained"))
    return parser.parse_args(arguments)


def _add_hosting(group: argparse._ArgumentGroup) -> None:
    model = group.add_mutually_exclusive_group()
    model.add_argument(
        "--model",
        type=Path,
        metavar="PATH",
        help="folder or model.tar.gz for /opt/ml/model (default: `train` makes it)",
    )
    model.add_argument("--run", type=Path, metavar="RUN", help="folder of a run of train_local: its model")
    body = group.add_mutually_exclusive_group()
    body.add_argument(
        "--image", type=Path, metavar="PHOTO", dest="photo", help="picture to send (default: one is drawn)"
    )
    body.add_argument(
        "--body", type=Path, metavar="FILE", help="any other body to send; --content-type says what it is"
    )
    group.add_argument("--content-type", metavar="TYPE", help="of the body (default: by the file's name)")
    group.add_argument("--lines", type=Path, metavar="FILE", help="records for batch transform, one a line")
    group.add_argument("--lines-type", default="application/jsonlines", metavar="TYPE", help="their content type")
    group.add_argument("--lines-accept", metavar="TYPE", help="the answer's type (default: the same)")
    for name, purpose in (
        ("env", "of every server"),
        ("async-env", "that lets it take large bodies and long requests"),
        ("multi-model-env", "that bounds its memory for models"),
    ):
        group.add_argument(
            f"--{name}", type=pair, action="append", default=[], metavar="NAME=VALUE", help=f"a variable {purpose}"
        )
    group.add_argument("--ready-seconds", type=float, default=480, metavar="S", help="longest start (default: 480)")


def _add_training(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--channel",
        type=pair,
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="a channel (default: drawn pictures)",
    )
    group.add_argument(
        "-p",
        dest="hyperparameters",
        type=pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a hyperparameter of the image's training",
    )
    group.add_argument(
        "--endless",
        type=pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a hyperparameter that makes the job last until it is stopped",
    )
    group.add_argument("--metric", default="", metavar="REGEX", help="of the objective metric, as in a tuning job")
    group.add_argument("--resumed", metavar="REGEX", help="of the line that a job prints when it goes on")
    group.add_argument("--train-seconds", type=float, default=900, metavar="S", help="longest job (default: 900)")


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def choose_rows(options: argparse.Namespace) -> list[Row]:
    """The rows that --only and --modes leave. Raises UsageError for a name that is none."""
    modes = named_modes(options)
    known = {row.id for row in ROWS}
    for row_id in options.only:
        if row_id not in known:
            raise UsageError(f"No row is named {row_id!r}; --list shows them all.")
    return [row for row in ROWS if (not options.only or row.id in options.only) and (not modes or row.mode in modes)]


def named_modes(options: argparse.Namespace) -> frozenset[Mode]:
    try:
        return frozenset(Mode(word) for word in options.modes)
    except ValueError as error:
        raise UsageError(f"{error}; use some of {', '.join(mode.value for mode in Mode)}.") from error


def read_subject(options: argparse.Namespace, folder: Path) -> Subject:
    """What is to be checked; `folder` is for what has to be unpacked or drawn. Raises UsageError."""
    request = _read_request(options)
    own = not (options.body or options.channel or options.hyperparameters)
    return Subject(
        image=options.image,
        request=request,
        lines=_read_lines(options, request),
        model_dir=_model_dir(options, folder),
        training=_read_training(options, folder),
        docker_options=tuple(options.docker_option),
        environment=dict(options.env),
        asynchronous_environment=dict(options.async_env) or (examples.ASYNCHRONOUS_ENVIRONMENT if own else {}),
        multi_model_environment=dict(options.multi_model_env) or (examples.MULTI_MODEL_ENVIRONMENT if own else {}),
        ready_seconds=options.ready_seconds,
        named_modes=named_modes(options),
    )


def _read_request(options: argparse.Namespace) -> Request:
    path = options.photo or options.body
    if path is None:
        return examples.example_request()
    content_type = options.content_type or mimetypes.guess_type(path.name)[0]
    if content_type is None:
        raise UsageError(f"The name of {path} does not tell its content type; add --content-type.")
    return Request(_read(path), content_type)


def _read_lines(options: argparse.Namespace, request: Request) -> Lines | None:
    if options.lines:
        return Lines(read_records(_read(options.lines)), options.lines_type, options.lines_accept or options.lines_type)
    return None if options.body else examples.example_lines(request.body)


def _read_training(options: argparse.Namespace, folder: Path) -> Training:
    if not options.channel and not options.hyperparameters:
        return examples.example_training(folder / "channels")
    channels = {name: Path(text) for name, text in options.channel}
    for name, path in channels.items():
        if not path.is_dir():
            raise UsageError(f"The channel {name} cannot be {path}, which is no folder; give another.")
    return Training(
        channels=channels,
        hyperparameters=dict(options.hyperparameters),
        endless=dict(options.endless),
        metric=options.metric,
        resumed=options.resumed or Training.resumed,
        seconds=options.train_seconds,
    )


def _model_dir(options: argparse.Namespace, folder: Path) -> Path | None:
    path = options.run / "model" if options.run else options.model
    if path is None or path.is_dir():
        return None if path is None else path.absolute()
    if not path.is_file():
        raise UsageError(f"There is no {path}; give the folder of a model, or its model.tar.gz.")
    target = folder / "model"
    try:
        with tarfile.open(path) as archive:
            archive.extractall(target, filter="data")
    except tarfile.TarError as error:
        raise UsageError(f"{path} cannot be unpacked ({error}); give a model.tar.gz or a folder.") from error
    return target


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); give another file.") from error
