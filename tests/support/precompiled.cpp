// SPDX-License-Identifier: Apache-2.0
// Makes CMake compile the precompiled header that all test files share.
