# SPDX-License-Identifier: Apache-2.0
# Included by the scripts of this folder: runs commands and compares what they print.

# run(COMMAND...): sets `output`; stops with all that was printed if the command fails.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command} ended with ${status}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

function(expect text)
  if(NOT output STREQUAL text)
    message(FATAL_ERROR "expected '${text}', got '${output}'")
  endif()
endfunction()

# Configures the client in the folder `from` of CLIENTS.
macro(configure_client from type)
  run(${CMAKE_COMMAND} -S ${CLIENTS}/${from} -B ${WORK}/client -G ${GENERATOR} -D CMAKE_CXX_COMPILER=${COMPILER}
    -D CMAKE_BUILD_TYPE=${type} ${ARGN})
endmacro()

# Configures it and builds its targets.
macro(build_client from type)
  configure_client(${from} "${type}" ${ARGN})
  run(${CMAKE_COMMAND} --build ${WORK}/client)
endmacro()
