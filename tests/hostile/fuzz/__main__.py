"""Coverage-guided fuzzing of what reads a request's body: `python -m tests.hostile.fuzz --seconds 300`.

The first run makes the fuzzer's environment in build/fuzz, and inputs to start from. What is found lies in
build/fuzz/findings; give such a file to `--input` to see what it does.
"""

import argparse
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from local_test.interrupts import exit_status
from local_test.started import Started, follow
from tests.hostile.fuzz.seeds import MAX_BYTES, write_seeds

PROJECT_DIR = Path(__file__).parents[3]
BUILD_DIR = PROJECT_DIR / "build" / "fuzz"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
EXAMPLES = """examples:
  python -m tests.hostile.fuzz --seconds 3600
  python -m tests.hostile.fuzz --input build/fuzz/findings/crash-0a1b2c"""
SEED_CASES = 8000
STOP_SECONDS = 10  # after Ctrl-C; then it is killed
MOST_SECONDS, MOST_MIB = 5, 3000  # of one input, and of the fuzzer


def main(arguments: Sequence[str] | None = None) -> int:
    """The fuzzer's exit status: 0 if it found nothing."""
    options = _parse(arguments)
    python = fuzzer_python()
    findings = BUILD_DIR / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    command = [str(python), "-m", "tests.hostile.fuzz.target", f"-timeout={MOST_SECONDS}", f"-rss_limit_mb={MOST_MIB}"]
    if options.input:
        return follow(lambda: Started([*command, str(options.input)], cwd=PROJECT_DIR), STOP_SECONDS)
    corpus = BUILD_DIR / "corpus"
    count = write_seeds(corpus, options.seed, SEED_CASES)
    print(f"{count} inputs to start from", flush=True)
    limits = [f"-max_total_time={options.seconds}", f"-max_len={MAX_BYTES}", f"-seed={options.seed}"]
    fuzzing = [*command, *limits, f"-artifact_prefix={findings}/", "-print_final_stats=1", str(corpus)]
    return follow(lambda: Started(fuzzing, cwd=PROJECT_DIR), STOP_SECONDS)


def fuzzer_python() -> Path:
    """The Python of an environment with the fuzzer, which sees this environment's packages too; made on first use."""
    folder = BUILD_DIR / "environment"
    python, ready = folder / "bin" / "python", folder / "ready"
    if ready.is_file() and ready.read_text() == REQUIREMENTS.read_text():
        return python
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", str(python), "--requirement", str(REQUIREMENTS)], check=True
    )
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "project.pth").write_text(sysconfig.get_path("purelib") + "\n")
    ready.write_text(REQUIREMENTS.read_text())
    return python


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile.fuzz",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=int, default=300, help="how long (default: 300)")
    parser.add_argument("--seed", type=int, default=1, help="of the inputs and of the fuzzer (default: 1)")
    parser.add_argument("--input", type=Path, metavar="FILE", help="only run this input, such as one that was found")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(exit_status(main))
