# SPDX-License-Identifier: Apache-2.0
"""Random runs of the program and what is judged of each of them; tools/blackbox starts them."""
