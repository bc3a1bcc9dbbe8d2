# SPDX-License-Identifier: Apache-2.0
# Installs the build tree, moves the installation elsewhere, then configures, builds and runs a client against it.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/installed)
file(RENAME ${WORK}/installed ${WORK}/moved)

# The package names no path of the machine that built it.
file(GLOB_RECURSE package ${WORK}/moved/*.cmake)
foreach(file IN LISTS package)
  file(STRINGS ${file} paths REGEX "[\"; =:](/usr/|/opt/|/home/|${BUILD}|${SOURCE}|${WORK}/installed)")
  if(paths)
    message(FATAL_ERROR "${file} holds absolute paths: ${paths}")
  endif()
endforeach()

# The JSON library is a matter of the inside: a client must not need it.
build_client(client Release -D CMAKE_PREFIX_PATH=${WORK}/moved -D CMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON
  -D SIGPROP_EXPECTED_VERSION=${VERSION})
run(${WORK}/client/use_formula)
expect("variance after ReLU 0.3408\n")
run(${WORK}/client/use_library)
expect("variance after one linear layer 4\nmeasured on 4 networks\n")
run(${WORK}/moved/bin/sigprop --version)
if(NOT output MATCHES "${VERSION}")
  message(FATAL_ERROR "the installed program says '${output}', not version ${VERSION}")
endif()

# The client and the program both find the CUDA engine of the installation; without a GPU it says
# that there is none.
if(CUDA)
  run(${WORK}/client/use_library cuda)
  if(output MATCHES "cannot be loaded")
    message(FATAL_ERROR "a client of the installed library does not find the CUDA engine: ${output}")
  endif()
  execute_process(COMMAND ${WORK}/moved/bin/sigprop simulate ${SOURCE}/specs/mlp.json --engine cuda --replicates 2
    OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(output MATCHES "cannot be loaded")
    message(FATAL_ERROR "the installed program does not find the CUDA engine: ${output}")
  endif()
endif()
