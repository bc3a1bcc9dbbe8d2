# SPDX-License-Identifier: Apache-2.0
# The CUDA engine is built where nvcc and cuBLAS are found (AUTO), must be there (ON), or is left out (OFF).
set(SIGPROP_CUDA AUTO CACHE STRING "Build the CUDA engine: AUTO, ON or OFF")
set_property(CACHE SIGPROP_CUDA PROPERTY STRINGS AUTO ON OFF)
if(NOT SIGPROP_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "SIGPROP_CUDA is ${SIGPROP_CUDA}, but must be AUTO, ON or OFF")
endif()

set(SIGPROP_HAS_CUDA OFF)
if(NOT SIGPROP_SIMULATE)
  set(reason "SIGPROP_SIMULATE is OFF")
elseif(SIGPROP_SANITIZE)
  set(reason "sanitizers see the engine through the tests' emulated device only")
elseif(SIGPROP_CUDA STREQUAL "OFF")
  set(reason "SIGPROP_CUDA is OFF")
else()
  include(CheckLanguage)
  check_language(CUDA)
  find_package(CUDAToolkit 12.8 QUIET)
  if(CMAKE_CUDA_COMPILER AND CUDAToolkit_FOUND AND TARGET CUDA::cublas)
    set(SIGPROP_HAS_CUDA ON)
  else()
    set(reason "nvcc and cuBLAS of CUDA 12.8 or newer were not found")
  endif()
endif()

if(SIGPROP_HAS_CUDA)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 100)  # A100, H100 and H200, B200, and what the last is translated to
  endif()
  enable_language(CUDA)
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  set(CMAKE_CUDA_EXTENSIONS OFF)
  if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc has it
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  message(STATUS "CUDA engine: ${CMAKE_CUDA_COMPILER} ${CMAKE_CUDA_COMPILER_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}")
elseif(SIGPROP_CUDA STREQUAL "ON")
  message(FATAL_ERROR "SIGPROP_CUDA is ON, but ${reason}")
else()
  message(STATUS "No CUDA engine: ${reason}")
endif()

set(SIGPROP_CUDA_HOST_SOURCES cuda/context.cpp cuda/engine.cpp cuda/measurer.cpp cuda/module.cpp)
set(SIGPROP_CUDA_KERNELS
  cuda/kernels/draw.cu cuda/kernels/elementwise.cu cuda/kernels/heads.cu cuda/kernels/measure.cu cuda/kernels/norm.cu cuda/kernels/route.cu
  cuda/kernels/score_rows.cu)
list(TRANSFORM SIGPROP_CUDA_HOST_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/)
list(TRANSFORM SIGPROP_CUDA_KERNELS PREPEND ${PROJECT_SOURCE_DIR}/)

# sigprop_add_cuda(): adds the engine's objects, and the module that the program loads when it is
# asked for. The program does not depend on the module, which takes longer to build than the program
# itself.
function(sigprop_add_cuda)
  set(includes ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  add_library(sigprop_cuda_kernels OBJECT ${SIGPROP_CUDA_KERNELS})
  target_include_directories(sigprop_cuda_kernels PRIVATE ${includes})
  target_include_directories(sigprop_cuda_kernels SYSTEM PRIVATE ${RANDOM123_INCLUDE_DIR})
  # Sums and products are rounded as on the CPU, which has no fused multiply-adds either.
  target_compile_options(sigprop_cuda_kernels PRIVATE -fmad=false -Xcompiler=-Wall,-Wextra
    $<$<BOOL:${SIGPROP_WERROR}>:-Werror=all-warnings>)

  add_library(sigprop_cuda_objects OBJECT ${SIGPROP_CUDA_HOST_SOURCES})
  target_include_directories(sigprop_cuda_objects PUBLIC ${includes})
  target_compile_definitions(sigprop_cuda_objects PRIVATE SIGPROP_VERSION="${PROJECT_VERSION}")
  target_link_libraries(sigprop_cuda_objects PUBLIC CUDA::cublas CUDA::cudart_static PRIVATE sigprop_warnings)
  set_target_properties(sigprop_cuda_kernels sigprop_cuda_objects PROPERTIES POSITION_INDEPENDENT_CODE ON)

  # The program finds it at run time: in its own folder where it is built, in lib/sigprop where it
  # is installed.
  add_library(sigprop_cuda MODULE cuda/entry.cpp)
  target_link_libraries(sigprop_cuda PRIVATE sigprop_cuda_objects sigprop_cuda_kernels sigprop sigprop_warnings)
  set_target_properties(sigprop_cuda PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
    BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH_USE_LINK_PATH ON)
  if(SIGPROP_INSTALL)
    install(TARGETS sigprop_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/sigprop)
  endif()
endfunction()
