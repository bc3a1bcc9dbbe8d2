# SPDX-License-Identifier: Apache-2.0
# A room is a folder of src. Its sources are found, not listed: a new file belongs to its room as
# soon as it exists.

# sigprop_sources(TARGET ROOM BATCH [ALONE NAME...]): adds all sources of src/ROOM. With
# SIGPROP_UNITY, up to BATCH of them are compiled as one, except those of these names, which have
# names in unnamed namespaces that other sources of the room have too.
function(sigprop_sources target room batch)
  cmake_parse_arguments(arg "" "" ALONE ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${room}/*.cpp)
  if(NOT sources)
    message(FATAL_ERROR "src/${room} holds no sources")
  endif()
  target_sources(${target} PRIVATE ${sources})
  foreach(name IN LISTS arg_ALONE)
    list(FILTER sources EXCLUDE REGEX "/${name}\\.cpp$")
  endforeach()
  sigprop_unity(${target} ${room} ${batch} ${sources})
endfunction()

# sigprop_unity(TARGET NAME BATCH SOURCE...): with SIGPROP_UNITY, compiles up to BATCH of these
# sources of the target as one.
function(sigprop_unity target name batch)
  if(NOT SIGPROP_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # Parts of one size: 13 sources in batches of 6 are 5, 4 and 4.
  list(LENGTH ARGN count)
  math(EXPR parts "(${count} + ${batch} - 1) / ${batch}")
  set(i 0)
  foreach(source IN LISTS ARGN)
    math(EXPR part "${i} * ${parts} / ${count}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${name}_${part})
    math(EXPR i "${i} + 1")
  endforeach()
endfunction()
