# SPDX-License-Identifier: Apache-2.0
# What is built. An option that needs another one is OFF where the other one is OFF.
include(CMakeDependentOption)
include(GNUInstallDirs)

option(SIGPROP_PREDICT "Build the library of networks, specs and prediction; OFF leaves the formulas, which need Boost alone" ON)
cmake_dependent_option(SIGPROP_REPORT "Build the reports: tables, JSON, CSV and pages (needs Chart.js and Python)" ON SIGPROP_PREDICT OFF)
cmake_dependent_option(SIGPROP_SIMULATE "Build the simulation (needs Random123 and OpenMP, and uses OpenBLAS and CUDA)" ON SIGPROP_PREDICT OFF)
cmake_dependent_option(SIGPROP_CLI "Build the program sigprop (needs CLI11)" ON "SIGPROP_REPORT;SIGPROP_SIMULATE" OFF)
cmake_dependent_option(SIGPROP_PYTHON "Build the compiled part of the Python package (needs nanobind; pip install . sets it)" OFF SIGPROP_CLI OFF)
cmake_dependent_option(SIGPROP_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL} SIGPROP_CLI OFF)
option(SIGPROP_INSTALL "Install the library, the program and the CMake package" ${PROJECT_IS_TOP_LEVEL})
option(SIGPROP_UNITY "Compile several sources of a room at once: a full build takes a third of the time, a changed file more" ON)
option(SIGPROP_WERROR "Treat compiler warnings as errors" OFF)
option(SIGPROP_FUZZ "Build the libFuzzer target (Clang only)" OFF)
option(SIGPROP_BENCH "Build the benchmarks" OFF)
set(SIGPROP_SANITIZE "" CACHE STRING "Sanitizers for every target, as in -fsanitize=, e.g. address,undefined")

# Variables of this directory and those below it; a project that includes this one does not see
# them.
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# The libraries' targets are named in the link interface of sigprop::sigprop, which the including
# project resolves.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
