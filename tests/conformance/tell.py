"""How a suite's run tells its result to `run.py`: one line of JSON, the last one."""

import json
import unittest


def tell(result: unittest.TestResult) -> None:
    """Print the numbers, and the names of the tests that failed."""
    missed = [name(test) for test, _ in [*result.failures, *result.errors]]
    passed = result.testsRun - len(missed) - len(result.skipped)
    print(json.dumps({"passed": passed, "failed": missed, "skipped": len(result.skipped)}))


def name(test: unittest.TestCase) -> str:
    """A test's name as its suite's authors know it."""
    return test.id().removesuffix(".test_request").removeprefix("placement.")
