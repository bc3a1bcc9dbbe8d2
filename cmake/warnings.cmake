# SPDX-License-Identifier: Apache-2.0
# Warnings and sanitizers of our own targets, and what ccache needs; never exported to users of the library.
add_library(sigprop_warnings INTERFACE)
target_compile_features(sigprop_warnings INTERFACE cxx_std_20)
set(SIGPROP_WARNINGS
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  # GCC 12 takes a moved std::variant for uninitialized when it inlines the move (network::Component), and a long string
  # literal moved into a vector for one that overruns std::string's short buffer.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-array-bounds;-Wno-restrict;-Wno-stringop-overflow;-Wno-stringop-overread>
  # Sources that are compiled together count as included files, in which GCC warns of every unnamed
  # namespace.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${SIGPROP_UNITY}>>:-Wno-subobject-linkage>
  # Clang tells of signs under -Wconversion and of every `omp simd` that it leaves scalar; what a report's page carries is one long literal.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion;-Wno-pass-failed;-Wno-overlength-strings>
  $<$<BOOL:${SIGPROP_WERROR}>:-Werror>)
target_compile_options(sigprop_warnings INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${SIGPROP_WARNINGS}>")
if(SIGPROP_SANITIZE)
  add_compile_options(-fsanitize=${SIGPROP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SIGPROP_SANITIZE})
endif()
# ccache can keep objects made with a precompiled header only if the preprocessor leaves it alone.
if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endif()
