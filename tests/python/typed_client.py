# SPDX-License-Identifier: Apache-2.0
"""What a typed program does with sigprop: mypy --strict accepts it, and the ignored lines are errors that it finds (tools/lint.py mypy)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import sigprop
from sigprop import _core
from sigprop.testing import assert_profile


def steepest(path: str) -> int:
    """The layer of the largest step of the variance's logarithm."""
    model: sigprop.Model = sigprop.read(path)
    profile: sigprop.Profile = sigprop.predict(sigprop.edited(model, {"stack.layers": 4}), theory="full", sequences=0)
    variance: npt.NDArray[np.float64] = np.asarray(profile.forward.variance)
    return int(np.argmax(np.diff(np.log(variance))))


def texts(model: sigprop.Model) -> tuple[str, str, str]:
    return model.text, model.file, model.folder


def refused(path: str) -> str:
    try:
        assert_profile(path, preset="stable")
    except sigprop.NotCoveredError as error:
        return str(error)
    except sigprop.Error:
        raise
    return ""


def mistakes(model: sigprop.Model) -> None:
    sigprop.predict(model, theory=1)  # type: ignore[arg-type]
    sigprop.predict(model, thoery="full")  # type: ignore[call-arg]
    _core.predict(model, "full")  # type: ignore[call-arg]
    model.text = "{}"  # type: ignore[misc]
