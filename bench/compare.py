"""`make bench BASE=<revision>`: this version against another one, alternately, as ratios of one run.

The other version's code runs under this version's bench, in a folder of its own. BENCH_PAIRS (2) is how often
each of them runs. The figures go to ``build/``, the ratios to the terminal.
"""

import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "build"
PAIRS = int(os.environ.get("BENCH_PAIRS", "2"))
HIGHER_IS_BETTER = ("per_s", "answered_per_s", "propagated_per_s")
LOWER_IS_BETTER = (
    "p50_ms",
    "p99_ms",
    "approve_to_message_p50_ms",
    "approve_to_message_p99_ms",
    "processor_ms_in_all",
)


def main() -> None:
    """Compare the working tree with the revision that the first argument names."""
    base = sys.argv[1]
    folder = Path(tempfile.mkdtemp(prefix="epass-base-"))
    try:
        other = _extract(base, folder)
        runs: dict[str, list[dict[str, dict[str, float]]]] = {"base": [], "this": []}
        for number in range(PAIRS):
            for name, tree in (("base", other), ("this", ROOT)):
                sys.stdout.write(f"  run {number + 1} of {PAIRS}: {name}\n")
                sys.stdout.flush()
                runs[name].append(_run(tree))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{version()}-against-{base[:12]}.json"
    file.write_text(json.dumps({"base": base, "runs": runs}, indent=1) + "\n")
    sys.stdout.write(f"{table(runs)}\n{file.relative_to(ROOT)}\n")


def version() -> str:
    """Return the version of the working tree."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def table(runs: dict[str, list[dict[str, dict[str, float]]]]) -> str:
    """Return the medians of both versions and their ratio, a line for each figure, in Markdown."""
    lines = ["| | base | this | ratio |", "|---|--:|--:|--:|"]
    for what in runs["this"][0]:
        for figure in (*HIGHER_IS_BETTER, *LOWER_IS_BETTER):
            if figure in runs["this"][0][what] and figure in runs["base"][0].get(what, {}):
                base, this = (
                    statistics.median(one[what][figure] for one in runs[v]) for v in ("base", "this")
                )
                ratio = f"× {this / base:.2f}" if base else "–"
                lines.append(f"| {what}: {figure} | {base:.2f} | {this:.2f} | {ratio} |")
    return "\n".join(lines)


def _extract(revision: str, folder: Path) -> Path:
    """Return a folder with the code of a revision, this bench, and what `make setup` has made here."""
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    shutil.rmtree(folder / "bench")
    shutil.copytree(ROOT / "bench", folder / "bench", ignore=shutil.ignore_patterns("results", "__pycache__"))
    built = Path("services/gateway/static/built")
    shutil.copytree(ROOT / built, folder / built, dirs_exist_ok=True)
    return folder


def _run(tree: Path) -> dict[str, dict[str, float]]:
    """Run the bench over the code of a tree, which must come before the installed one; return its figures."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        subprocess.run(
            [sys.executable, "-m", "bench.one_run", file.name],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            check=True,
        )
        found: dict[str, dict[str, float]] = json.loads(Path(file.name).read_text())
        return found


if __name__ == "__main__":
    main()
