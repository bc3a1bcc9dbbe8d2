# SPDX-License-Identifier: Apache-2.0
# The libraries that prediction, reports, simulation and the program need, each only where it is
# needed.
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(Threads REQUIRED)

# Matrices, by the same Eigen in every source file. Threads and tiles are the simulation's own: a
# matrix product stays on the thread that calls it.
add_library(sigprop_algebra INTERFACE)
target_link_libraries(sigprop_algebra INTERFACE Eigen3::Eigen)
target_compile_definitions(sigprop_algebra INTERFACE EIGEN_DONT_PARALLELIZE)

if(SIGPROP_SIMULATE)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)
  find_package(OpenBLAS QUIET CONFIG NAMES OpenBLAS openblas)
  if(OpenBLAS_FOUND)
    target_include_directories(sigprop_algebra SYSTEM INTERFACE ${OpenBLAS_INCLUDE_DIRS})
    target_link_libraries(sigprop_algebra INTERFACE ${OpenBLAS_LIBRARIES})
    target_compile_definitions(sigprop_algebra INTERFACE SIGPROP_OPENBLAS EIGEN_USE_BLAS)
    message(STATUS "Matrix products: OpenBLAS ${OpenBLAS_VERSION}, ${OpenBLAS_LIBRARIES}")
  else()
    message(NOTICE "OpenBLAS was not found, so Eigen computes the matrix products; simulations take several times longer. "
      "Debian's package is libopenblas-dev.")
  endif()
  add_library(sigprop_simulation INTERFACE)
  target_include_directories(sigprop_simulation SYSTEM INTERFACE ${RANDOM123_INCLUDE_DIR})
  target_link_libraries(sigprop_simulation INTERFACE sigprop_algebra OpenMP::OpenMP_CXX)
endif()

if(SIGPROP_REPORT OR SIGPROP_TESTS)
  # Tests need Python packages that come from the system; an interpreter before it on the PATH may
  # not have them.
  if(SIGPROP_TESTS AND NOT DEFINED Python3_EXECUTABLE AND NOT DEFINED Python3_ROOT_DIR)
    find_program(SIGPROP_SYSTEM_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH DOC "The system's Python")
    if(SIGPROP_SYSTEM_PYTHON)
      set(Python3_EXECUTABLE ${SIGPROP_SYSTEM_PYTHON})
    endif()
  endif()
  find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
endif()
if(SIGPROP_REPORT)
  find_file(SIGPROP_CHART_JS chart.min.js PATHS /usr/share/javascript/chart.js DOC "Chart.js 3")
  if(NOT SIGPROP_CHART_JS)
    message(FATAL_ERROR "chart.min.js of Chart.js 3 was not found: install Debian's libjs-chart.js, name the file by "
      "-DSIGPROP_CHART_JS=FILE, or build without reports by -DSIGPROP_REPORT=OFF")
  endif()
endif()
if(SIGPROP_CLI)
  find_package(CLI11 2.1 REQUIRED)
endif()
