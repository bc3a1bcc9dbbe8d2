# SPDX-License-Identifier: Apache-2.0
"""Figures from the result JSON of sigprop: one kind of figure a module, and what they share."""
