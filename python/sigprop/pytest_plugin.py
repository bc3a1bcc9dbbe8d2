# SPDX-License-Identifier: Apache-2.0
"""The plugin that pytest loads: `assert_initialized` and `assert_profile` of sigprop.testing as fixtures, whose failures are their tables.

    def test_weights(assert_initialized):
        assert_initialized(make_model())
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.register_assert_rewrite("sigprop.testing")


@pytest.fixture(scope="session")
def assert_initialized() -> Callable[..., None]:
    """sigprop.testing.assert_initialized: the weights of a model are what its config, or a spec, draws."""
    from sigprop import testing  # here, since NumPy and the module take a while that other tests need not wait for

    return testing.assert_initialized


@pytest.fixture(scope="session")
def assert_profile() -> Callable[..., None]:
    """sigprop.testing.assert_profile: the predicted profile of a spec keeps its checks and a preset's."""
    from sigprop import testing

    return testing.assert_profile
