# SPDX-License-Identifier: Apache-2.0
# Installs the formulas alone, which need Boost's headers and nothing else, and builds a client of
# theirs.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

set(without)
foreach(package CLI11 Eigen3 nlohmann_json OpenBLAS OpenMP Python3 CUDAToolkit)
  list(APPEND without -D CMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
endforeach()
file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -G ${GENERATOR} -D CMAKE_CXX_COMPILER=${COMPILER} -D SIGPROP_PREDICT=OFF
  -D CMAKE_INSTALL_PREFIX=${WORK}/installed ${without})
run(${CMAKE_COMMAND} --build ${WORK}/build --target install)
build_client(formula_client Release -D CMAKE_PREFIX_PATH=${WORK}/installed ${without})
run(${WORK}/client/use_formula)
expect("variance after ReLU 0.3408\n")
