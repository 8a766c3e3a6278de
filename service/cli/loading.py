"""Loads the modules of a command when it is called."""

import gc
from importlib import import_module
from types import ModuleType


def loaded(name: str) -> ModuleType:
    """The module. Modules stay to the end: looking through them for garbage would be a fifth of the start."""
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()
