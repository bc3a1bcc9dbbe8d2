# SPDX-License-Identifier: Apache-2.0
# Builds the library as a part of a client's project, without simulation and reports, and looks at
# what that changes there.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

file(REMOVE_RECURSE ${WORK})
build_client(subproject "" -D SIGPROP_SOURCE=${SOURCE} -D SIGPROP_REPORT=OFF -D SIGPROP_SIMULATE=OFF -D CMAKE_CXX_FLAGS=-O0
  -D CMAKE_DISABLE_FIND_PACKAGE_OpenMP=ON -D CMAKE_DISABLE_FIND_PACKAGE_CLI11=ON
  -D CMAKE_DISABLE_FIND_PACKAGE_OpenBLAS=ON -D CMAKE_DISABLE_FIND_PACKAGE_Python3=ON)
run(${WORK}/client/use_both)
expect("variance after ReLU 0.3408, after one linear layer 4\n")
