"""Where things are: the bridge, plugins (also those that other packages bring), and what authors of plugins compile with.

``KVERN_PYTHON_ROOT`` names a build folder or an installation of kvern (with ``lib/libkvern_python.so`` and
``lib/kvern/plugins``) to use in place of what the package brings.
"""
from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pathlib
import warnings

GROUP = "kvern.plugins"
PACKAGE = pathlib.Path(__file__).resolve().parent


def root() -> pathlib.Path | None:
    """The build folder or installation that is used in place of the package's own files; a process may change its folder later."""
    given = os.environ.get("KVERN_PYTHON_ROOT")
    return pathlib.Path(given).absolute() if given else None


def bridge() -> pathlib.Path:
    folder = root()
    file = folder / "lib/libkvern_python.so" if folder else PACKAGE / "libkvern_python.so"
    if not file.is_file():
        raise ImportError(f"{file} is not there: install kvern's wheel, or build the target kvern_python and let "
                          "KVERN_PYTHON_ROOT name the build folder")
    return file


def own_plugins() -> pathlib.Path:
    folder = root()
    return folder / "lib/kvern/plugins" if folder else PACKAGE / "plugins"


def _entry_points():
    found = importlib.metadata.entry_points()
    if hasattr(found, "select"):
        return sorted(found.select(group=GROUP), key=lambda entry: entry.name)
    return sorted(found.get(GROUP, ()), key=lambda entry: entry.name)  # Python 3.9


def _folder_of(entry) -> str:
    """An entry point names a package that has plugins beside its ``__init__.py``; it is not imported."""
    spec = importlib.util.find_spec(entry.value)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{entry.value} is no package")
    return list(spec.submodule_search_locations)[0]


def plugin_folders() -> list:
    """Folders that are searched after ``plugin_path`` and ``KVERN_PLUGIN_PATH``: those of other packages, then kvern's own."""
    folders = []
    for entry in _entry_points():
        try:
            folders.append(_folder_of(entry))
        except Exception as error:  # another package's defect does not end this one
            warnings.warn(f"kvern: the entry point '{entry.name}' of {GROUP} is passed over: {error}")
    return folders + [str(own_plugins())]


def include_dir() -> str:
    """The folder of the headers that a cache plugin is compiled with (``kvern/abi``, ``kvern/sdk``, ``dlpack``)."""
    return _author_file("include", "the headers of plugins are")


def cmake_dir() -> str:
    """The folder to give to CMake as ``kvern_DIR``: ``find_package(kvern)`` then offers ``kvern_add_plugin``."""
    return _author_file("lib/cmake/kvern", "the CMake package is")


def _author_file(name: str, what: str) -> str:
    folder = PACKAGE / "share" / name
    if not folder.is_dir():
        raise FileNotFoundError(f"{what} in the wheel only, not in a source tree: {folder} is not there; "
                                "`cmake --install` makes an installation with the same files")
    return str(folder)
