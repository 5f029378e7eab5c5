"""Model folders, and the build folder that the package is tested from (KVERN_PYTHON_ROOT; else build/release, else the installed one)."""
import os
import pathlib
import sys
import warnings

SOURCE = pathlib.Path(__file__).resolve().parents[2]
if "KVERN_TEST_INSTALLED" not in os.environ:
    sys.path.insert(0, str(SOURCE / "python"))
    os.environ.setdefault("KVERN_PYTHON_ROOT", str(SOURCE / "build/release"))
warnings.filterwarnings("ignore", message=".*past_key_values.*", category=FutureWarning)

import pytest  # noqa: E402
import torch  # noqa: E402

import support  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


@pytest.fixture
def llama():
    return support.load(support.folder_of("llama"))


@pytest.fixture
def ids():
    return torch.randint(5, 250, (1, 30), generator=torch.Generator().manual_seed(3))


def pytest_sessionfinish(session):
    support.write_table(SOURCE / "build")
