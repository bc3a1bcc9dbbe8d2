# SPDX-License-Identifier: Apache-2.0
"""What the functions of sigprop raise. Messages are those of the program: file, place, value, range and cure."""

from __future__ import annotations

from sigprop._core import Error, MomentsError, NotCoveredError, SpecError


class MachineError(Error):
    """The machine cannot do it: too little memory, no device, a full disk."""


for _one in (Error, SpecError, NotCoveredError, MomentsError, MachineError):
    _one.__module__ = "sigprop"
Error.__doc__ = "What all errors of sigprop are."
SpecError.__doc__ = "A spec, an option or a file that cannot be read; one error a line."
NotCoveredError.__doc__ = "A model, or a part of it, that the theory does not cover."
MomentsError.__doc__ = "A model without moments by theory: a norm of a signal that is 0."

__all__ = ["Error", "MachineError", "MomentsError", "NotCoveredError", "SpecError"]
