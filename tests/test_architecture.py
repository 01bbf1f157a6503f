"""The rules of the house that a program can check: kernels, imports, docstrings, sizes, places to install to."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc

import growthkit
from growthkit._core.results import Estimate, Result

PACKAGE = Path(growthkit.__file__).parent
REPOSITORY = Path(__file__).resolve().parents[1]
TREES = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
KERNELS = {name: tree for name, tree in TREES.items() if name.endswith("_kernels.py")}
COMPILERS = {"njit", "jit", "vectorize", "guvectorize", "cfunc", "stencil"}


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each import as its level (0 for absolute) and the dotted name that it brings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.level, f"{node.module or ''}.{alias.name}".lstrip(".")) for alias in node.names)


def dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for the expression that reads so."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def by_file(trees: dict[str, ast.Module]) -> Any:
    return pytest.mark.parametrize("tree", trees.values(), ids=trees.keys())


class TestKernels:
    def test_there_are_some(self) -> None:
        assert {"_core/_kernels.py", "experiment/_kernels.py", "summaries/_kernels.py"} <= set(KERNELS)

    @by_file(KERNELS)
    def test_import_nothing_that_they_could_call_from_another_file(self, tree: ast.Module) -> None:
        outside = {"__future__", "collections", "math", "numba", "numpy", "typing"}
        for level, name in imports(tree):
            first = name.split(".")[0]
            shared = name.endswith(("jit.kernel", "jit.summing_kernel")) or "instructions." in name
            own = level and (shared or first == "typing")
            assert own or (not level and first in outside), name

    @by_file(KERNELS)
    def test_are_all_compiled(self, tree: ast.Module) -> None:
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and dotted(node.func) == "intrinsic"]
        intrinsics = {dotted(argument) for call in calls for argument in call.args}
        plain = [
            node.name for node in functions if not {"kernel", "summing_kernel"} & set(map(dotted, node.decorator_list))
        ]
        assert [name for name in plain if name not in intrinsics] == []

    @by_file(KERNELS)
    def test_draw_no_random_numbers_and_use_no_parallel_loops(self, tree: ast.Module) -> None:
        used = {dotted(node) for node in ast.walk(tree)} | {name for _, name in imports(tree)}
        assert [name for name in used if "prange" in name or "random" in name] == []

    @by_file(TREES)
    def test_no_full_fastmath_anywhere(self, tree: ast.Module) -> None:
        keywords = [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "fastmath"]
        assert [node for node in keywords if isinstance(node.value, ast.Constant) and node.value.value is True] == []

    def test_are_compiled_in_one_place(self) -> None:
        users = {
            name
            for name, tree in TREES.items()
            for node in ast.walk(tree)
            if dotted(node).split(".")[-1] in COMPILERS and isinstance(node, (ast.Name, ast.Attribute))
            if dotted(node).split(".")[0] in COMPILERS | {"numba", "nb"}
        }
        assert users == {"_core/jit.py"}


class TestImports:
    @by_file(TREES)
    def test_of_the_package_itself_are_relative(self, tree: ast.Module) -> None:
        assert [name for level, name in imports(tree) if not level and name.split(".")[0] == "growthkit"] == []

    def test_of_narwhals_stand_at_the_door_only(self) -> None:
        users = {name for name, tree in TREES.items() for _, one in imports(tree) if one.split(".")[0] == "narwhals"}
        assert users == {"_core/frames.py"}

    HEAVY = ("sklearn", "scipy.stats", "statsmodels", "matplotlib", "pandas", "pyarrow", "polars", "tqdm")

    @pytest.mark.parametrize(
        ("module", "forbidden"),
        [
            ("growthkit", ("numpy", "pandas", "numba", "scipy", "sklearn", "statsmodels", "narwhals")),
            ("growthkit.exceptions", ("numpy", "pandas", "numba", "scipy", "sklearn", "statsmodels", "narwhals")),
            ("growthkit.summaries", HEAVY),
            ("growthkit.segmentation", HEAVY),
            ("growthkit.rules", HEAVY),
            ("growthkit.recommend", HEAVY),
            ("growthkit.experiment", (*HEAVY, "scipy.optimize", "scipy.integrate")),
            ("growthkit.datasets", HEAVY),
            ("growthkit.testing", (*HEAVY, "hypothesis", "pytest")),
        ],
    )
    def test_load_no_more_than_they_need(self, module: str, forbidden: tuple[str, ...]) -> None:
        program = f"import {module}, sys; print(*(name for name in {forbidden!r} if name in sys.modules))"
        assert run(program, PYTHONPATH=str(PACKAGE.parent)) == ""


def run(program: str, *, before: str = "", **environment: str) -> str:
    """Run a program in a fresh interpreter and return what it prints; `before` runs in the process that becomes it."""
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT")}
    launch = f"import os, sys; {before}; os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"
    arguments = ["-c", launch, program] if before else ["-c", program]
    command = [sys.executable, *arguments]
    home = tempfile.gettempdir()
    done = subprocess.run(
        command, env=inherited | environment, capture_output=True, encoding="utf-8", check=False, cwd=home
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def public() -> Iterator[tuple[str, Any]]:
    """Yield what the public modules export and define themselves, by full name, once."""
    seen: set[int] = set()
    for info in [pkgutil.ModuleInfo(None, "growthkit", True), *pkgutil.walk_packages([str(PACKAGE)], "growthkit.")]:  # type: ignore[arg-type]
        if any(part.startswith("_") for part in info.name.split(".")):
            continue
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            ours = (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__.startswith("growthkit.")
            if ours and id(value) not in seen:
                seen.add(id(value))
                yield f"{value.__module__}.{value.__name__}", value


PUBLIC = dict(public())
FUNCTIONS = {name: value for name, value in PUBLIC.items() if inspect.isfunction(value)}
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}
METHODS = {
    f"{name}.{method}": value
    for name, owner in CLASSES.items()
    for method, value in vars(owner).items()
    if inspect.isfunction(inspect.unwrap(getattr(value, "__func__", value))) and not method.startswith("_")
}


def each(values: dict[str, Any]) -> Any:
    return pytest.mark.parametrize("value", values.values(), ids=values.keys())


def arguments(value: Any) -> list[str]:
    parameters = inspect.signature(value).parameters.values()
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [f"{stars.get(p.kind, '')}{p.name}" for p in parameters if p.name not in ("self", "cls", "draw")]


def documented(parameters: list[Any]) -> list[str]:
    return [name.strip() for parameter in parameters for name in parameter.name.split(",")]


class TestDocumentation:
    def test_there_is_something_to_check(self) -> None:
        assert {"growthkit.summaries.customers.customers", "growthkit.segmentation.rfm.rfm_scores"} <= set(FUNCTIONS)
        assert {"growthkit.experiment.readout.readout", "growthkit.experiment.srm.srm"} <= set(FUNCTIONS)
        assert "growthkit.summaries.customers.CustomerSummary.merge" in METHODS

    @each(FUNCTIONS)
    def test_parameters_of_functions_are_those_of_the_signature(self, value: Any) -> None:
        names = [name for name in documented(FunctionDoc(value)["Parameters"]) if name != "draw"]
        assert names == arguments(value)

    @each(CLASSES)
    def test_parameters_of_classes_are_those_of_the_signature(self, value: Any) -> None:
        assert value.__doc__
        if issubclass(value, Exception):
            return
        inherited = {"backend"} if issubclass(value, Result) else set()
        if issubclass(value, Estimate) and value is not Estimate:  # its own fields stand on its own page
            inherited |= {field.name for field in dataclasses.fields(Estimate)}
        doc = ClassDoc(value, config={"show_class_members": False})
        names = documented(doc["Parameters"]) or documented(doc["Attributes"])
        assert names == [name for name in arguments(value) if name not in inherited]

    @each(FUNCTIONS)
    def test_functions_show_an_example_that_runs(self, value: Any) -> None:
        assert any(line.lstrip().startswith(">>>") for line in FunctionDoc(value)["Examples"])

    @each(FUNCTIONS | METHODS)
    def test_everything_public_is_annotated(self, value: Any) -> None:
        function = inspect.unwrap(getattr(value, "__func__", value))
        hints = inspect.get_annotations(function)
        names = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
        assert [name for name in [*names, "return"] if name not in hints] == []

    @each(METHODS)
    def test_methods_have_a_docstring(self, value: Any) -> None:
        assert inspect.getdoc(value)

    def test_every_exported_name_exists(self) -> None:
        for info in pkgutil.walk_packages([str(PACKAGE)], "growthkit."):
            module = importlib.import_module(info.name)
            assert [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)] == []


class TestSizes:
    @pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
    def test_modules_have_at_most_500_lines(self, path: Path) -> None:
        assert len(path.read_text().splitlines()) <= 500

    @by_file(TREES)
    def test_bodies_of_functions_have_at_most_50_lines(self, tree: ast.Module) -> None:
        functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        assert [node.name for node in functions if body_length(node) > 50] == []


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines the body takes, its docstring apart."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]


def test_version_is_that_of_the_project() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert growthkit.__version__ == project["version"]


JOB = """
import sys
from {package} import datasets, segmentation, summaries
summary = summaries.customers(datasets.load_cdnow("sample"), timestamp="date", value="value")
print(len(segmentation.rfm_segments(segmentation.rfm_scores(summary)).profile()), len(summary))
"""
ANSWER = "10 2357"


class TestPlaces:
    """The package works wherever it is put: under another name, without write permission, in a zip."""

    @pytest.fixture
    def copy(self) -> Iterator[Callable[[str], Path]]:
        """Copy the package to a path below a fresh folder."""
        folder = Path(tempfile.mkdtemp())
        ignored = shutil.ignore_patterns("__pycache__")
        yield lambda place: Path(shutil.copytree(PACKAGE, folder / place, ignore=ignored))
        for path in [folder, *folder.rglob("*/")]:
            path.chmod(0o755)
        shutil.rmtree(folder)

    def test_vendored_under_another_name(self, copy: Callable[[str], Path]) -> None:
        root = copy("thirdparty/growthkit").parents[1]
        job = JOB.format(package="thirdparty.growthkit") + "assert 'growthkit' not in sys.modules"
        assert run(job, PYTHONPATH=str(root), HOME=str(root)) == ANSWER

    @pytest.mark.skipif(os.name != "posix", reason="needs permission bits")
    def test_installed_where_nothing_can_be_written(self, copy: Callable[[str], Path]) -> None:
        root = copy("growthkit").parent
        for path in [root, *root.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        checks = f"import os; assert not os.access({str(root / 'growthkit')!r}, os.W_OK); "
        job = (
            checks
            + JOB.format(package="growthkit")
            + f"assert sys.modules['growthkit'].__file__.startswith({str(root)!r})"
        )
        assert run(job, before=DROP_ROOT, PYTHONPATH=str(root), HOME=str(root)) == ANSWER
        assert not list(root.rglob("__pycache__"))

    def test_imported_from_a_zip(self, copy: Callable[[str], Path]) -> None:
        source = copy("growthkit")
        archive = source.parent / "growthkit.zip"
        with zipfile.ZipFile(archive, "w") as file:
            for path in sorted(source.rglob("*")):
                file.write(path, path.relative_to(source.parent))
        shutil.rmtree(source)
        job = JOB.format(package="growthkit") + "assert '.zip' in sys.modules['growthkit'].__file__"
        assert run(job, PYTHONPATH=str(archive), HOME=str(source.parent)) == ANSWER


ABSENT = "import sys; sys.modules.update(dict.fromkeys({absent!r}))\n"


class TestWithoutOtherLibraries:
    """Each dataframe library works alone; a missing one is as good as one that cannot be imported."""

    def test_pandas_alone_is_enough(self) -> None:
        absent = ABSENT.format(absent=["pyarrow", "polars", "matplotlib", "hypothesis"])
        assert run(absent + JOB.format(package="growthkit"), PYTHONPATH=str(PACKAGE.parent)) == ANSWER

    @pytest.mark.parametrize(("library", "absent"), [("pandas", ["pyarrow", "polars"]), ("polars", ["pyarrow"])])
    def test_text_ids_need_no_arrow(self, library: str, absent: list[str]) -> None:
        program = f"""
import datetime as dt, {library}
from growthkit.summaries import customers
moments = [dt.datetime(2026, 1, day) for day in (1, 2, 3)]
frame = {library}.DataFrame({{"customer_id": ["b", "é", "b"], "timestamp": moments}})
print(customers(frame).customer_id.tolist(), type(customers(frame).to_frame()) is type(frame))
"""
        printed = run(ABSENT.format(absent=absent) + program, PYTHONPATH=str(PACKAGE.parent), PYTHONIOENCODING="utf8")
        assert printed == "['b', 'é'] True"


DROP_ROOT = "import ctypes; os.geteuid() or ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)"
"""Root may write everywhere; without its capability DAC_OVERRIDE (1; 24 drops it) permission bits bind it, too."""
