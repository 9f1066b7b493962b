# ruff: noqa: INP001 - PlatformIO loads this file by its path
"""Runs the host tests with doctest; platformio.ini selects it by `test_framework = custom`.

It differs from PlatformIO's own doctest runner in two things: doctest is not asked from the registry when
it already lies in PlatformIO's global library folder, so that the tests run without a network; and a run
without a single test case is an error, not a pass.
"""

from pathlib import Path

from platformio.project.config import ProjectConfig  # type: ignore[import-untyped] # no types shipped
from platformio.test.exception import UnitTestSuiteError  # type: ignore[import-untyped] # no types shipped
from platformio.test.runners.doctest import DoctestTestRunner  # type: ignore[import-untyped] # no types shipped


class CustomTestRunner(DoctestTestRunner):  # type: ignore[misc] # the base has no types
    """PlatformIO's doctest runner, content with an installed doctest, and not content with nothing to run."""

    @property
    def EXTRA_LIB_DEPS(self) -> list[str] | None:  # noqa: N802 - PlatformIO's name
        """Libraries to fetch before building."""
        global_library_dir = ProjectConfig.get_instance().get("platformio", "globallib_dir")
        if (Path(global_library_dir) / "doctest").is_dir():
            return None
        dependencies: list[str] = DoctestTestRunner.EXTRA_LIB_DEPS
        return dependencies

    def stage_testing(self) -> None:
        """Run the program.

        Raises:
            UnitTestSuiteError: no test case ran.
        """
        super().stage_testing()
        if not self.options.without_testing and not self.test_suite.cases:
            raise UnitTestSuiteError("the test program ran no test case")
