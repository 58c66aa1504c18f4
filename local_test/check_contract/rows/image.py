"""Rows about the image itself, read from what Docker says of it."""

import re

from local_test.check_contract import sources
from local_test.check_contract.lab import Lab
from local_test.check_contract.row import Mode, Outcome, failed, judged, passed, recommended, required, warned

SERVERLESS_GB = 10
SHELLS = {"sh", "bash", "dash", "ash", "zsh"}
SECRET_VALUE = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|BEGIN [A-Z ]*PRIVATE KEY|\b(?:ghp_|gho_|glpat-|hf_|xox[bp]-)[A-Za-z0-9_-]{16,}"
)
SECRET_NAME = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|secret|secret_?(?:access_)?key|api_?key|(?:auth|access|session)_?token)$"
)
ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(\"[^\"]*\"|\S+)")


@required(
    "image-exec-entrypoint",
    Mode.IMAGE,
    "ENTRYPOINT, where there is one, is in exec form: a shell as process 1 keeps SIGTERM to itself.",
    sources.TRAINING_IMAGE,
)
def exec_entrypoint(lab: Lab) -> Outcome:
    entrypoint = lab.inspected["Config"].get("Entrypoint") or []
    shell_form = len(entrypoint) > 1 and entrypoint[0].rpartition("/")[2] in SHELLS and entrypoint[1] == "-c"
    return judged(not shell_form, f"ENTRYPOINT {entrypoint or 'is not set'}")


@required(
    "image-platform",
    Mode.IMAGE,
    "The image is for linux/amd64, or for linux/arm64 on Graviton instances only.",
    sources.IMAGE_API,
)
def platform(lab: Lab) -> Outcome:
    found = f"{lab.inspected.get('Os')}/{lab.inspected.get('Architecture')}"
    if found == "linux/arm64":
        return warned(f"{found}: Graviton instances only")
    return judged(found == "linux/amd64", found)


@required(
    "image-no-secrets",
    Mode.IMAGE,
    "No credential is in the image's variables, labels or build steps; roles and the job's Environment carry them.",
    sources.HOSTING,
)
def no_secrets(lab: Lab) -> Outcome:
    config = lab.inspected["Config"]
    labels = [f"{name}={value}" for name, value in (config.get("Labels") or {}).items()]
    steps = lab.engine.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", lab.subject.image).stdout.splitlines()
    found = sorted({name for text in [*(config.get("Env") or []), *labels, *steps] for name in secrets_in(text)})
    if found:
        return failed(f"looks like a credential: {', '.join(found)}")
    return passed(f"{len(config.get('Env') or [])} variables, {len(labels)} labels, {len(steps)} build steps")


@required(
    "image-size",
    Mode.SERVERLESS,
    "An image for serverless endpoints has at most 10 GB.",
    sources.SERVERLESS,
)
def size(lab: Lab) -> Outcome:
    gigabytes = lab.inspected["Size"] / 1e9
    return judged(gigabytes <= SERVERLESS_GB, f"{gigabytes:.2f} GB")


@recommended(
    "image-tools",
    Mode.TRAINING,
    "/bin/bash, python3 and pip3 are there: the SDK's ModelTrainer starts its own script with them.",
    sources.SDK_DRIVER,
)
def tools(lab: Lab) -> Outcome:
    options = ["--rm", "--label", lab.engine.label, "--entrypoint", "/bin/bash"]
    result = lab.engine.run("run", *options, lab.subject.image, "-c", "command -v python3 pip3")
    found = result.stdout.split()
    return judged(len(found) == 2, ", ".join(["/bin/bash", *found]) if found else last_line(result.stderr))


def secrets_in(text: str) -> list[str]:
    """Names of what looks like a credential in `NAME=value` text, or how it begins; never all of a value."""
    named = [name for name, value in ASSIGNMENT.findall(text) if SECRET_NAME.search(name) and is_literal(value)]
    valued = [f"{found[0][:5]}..." for found in SECRET_VALUE.finditer(text)]
    return [*named, *valued]


def is_literal(value: str) -> bool:
    """Whether a value is written out, and not empty or taken from another variable or file."""
    bare = value.strip("\"'")
    return bool(bare) and not bare.startswith(("$", "/"))


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no output"


ROWS = (exec_entrypoint, platform, no_secrets, size, tools)
