# SPDX-License-Identifier: Apache-2.0
"""Assertions for tests of models; under pytest a failure shows the table of what is off.

    from sigprop.testing import assert_initialized, assert_profile
    assert_initialized(model)                       # weights as the config's class, or a spec, draws them
    assert_profile("model.json", preset="stable")   # what `sigprop check` holds
"""

from __future__ import annotations

from typing import Any

import sigprop


def assert_initialized(model: Any, spec: sigprop.Spec | None = None, **options: Any) -> None:
    """The weights of a PyTorch model, or of a file, are what its config, or a spec, draws. Raises AssertionError with every finding."""
    if hasattr(model, "state_dict"):
        from sigprop import torch as bridge  # PyTorch is there: the model is its own

        found = bridge.inspect(model, spec, **options)["findings"]
    else:
        found = sigprop.inspect(model, spec=spec, **options)["findings"]
    __tracebackhide__ = True
    if found:
        lines = [finding["text"] for finding in found]
        raise AssertionError(f"{len(lines)} weights are not as they must be drawn:\n  " + "\n  ".join(lines[:40]))


def assert_profile(spec: sigprop.Spec, preset: str | None = "stable", **options: Any) -> None:
    """The predicted profile of a spec keeps its checks and the preset's. Raises AssertionError with every check that fails."""
    failed = [one for one in sigprop.check(spec, preset, **options)["checks"] if not one["passed"]]
    __tracebackhide__ = True
    if failed:
        lines = [f"{one['check']} is {one['value']} at {one['path']}, but must be from {one['min']} to {one['max']}" for one in failed]
        raise AssertionError(f"{len(lines)} checks fail:\n  " + "\n  ".join(lines))
