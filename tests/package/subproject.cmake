# SPDX-License-Identifier: Apache-2.0
# Makes sigprop a part of a client's project, without simulation and reports, and looks at what that
# changes there: one source of each kind is compiled, all of them in the test "without simulation".
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

file(REMOVE_RECURSE ${WORK})
configure_client(subproject "" -D SIGPROP_SOURCE=${SOURCE} -D SIGPROP_REPORT=OFF -D SIGPROP_SIMULATE=OFF
  -D SIGPROP_UNITY=OFF -D CMAKE_CXX_FLAGS=-O0 -D CMAKE_DISABLE_PRECOMPILE_HEADERS=ON
  -D CMAKE_DISABLE_FIND_PACKAGE_OpenMP=ON -D CMAKE_DISABLE_FIND_PACKAGE_CLI11=ON
  -D CMAKE_DISABLE_FIND_PACKAGE_OpenBLAS=ON -D CMAKE_DISABLE_FIND_PACKAGE_Python3=ON)
set(objects)
foreach(source numbers.dir/network/stack words.dir/files/npy words.dir/spec/nearest)
  list(APPEND objects sigprop/src/CMakeFiles/sigprop_${source}.cpp.o)
endforeach()
run(${CMAKE_COMMAND} --build ${WORK}/client --target use_formula ${objects})
run(${WORK}/client/use_formula)
expect("variance after ReLU 0.3408\n")
