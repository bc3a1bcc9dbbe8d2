# SPDX-License-Identifier: Apache-2.0
# A normal number takes 4.2 ns with 256-bit vectors and 7.5 ns without. Where the building machine has them, they are used;
# a package for other machines is built with SIGPROP_X86_64_V3=OFF. Fused multiply-adds stay where the source has them, so that results
# do not depend on a compiler's choice.
include(CheckCXXSourceRuns)
if(NOT CMAKE_CROSSCOMPILING)
  set(CMAKE_REQUIRED_FLAGS -march=x86-64-v3)
  check_cxx_source_runs("int main() { __builtin_cpu_init(); return __builtin_cpu_supports(\"avx2\") && __builtin_cpu_supports(\"fma\") ? 0 : 1; }"
    SIGPROP_MACHINE_IS_X86_64_V3)
  unset(CMAKE_REQUIRED_FLAGS)
endif()
option(SIGPROP_X86_64_V3 "Use AVX2 and FMA" ${SIGPROP_MACHINE_IS_X86_64_V3})
if(SIGPROP_X86_64_V3)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-march=x86-64-v3>)
endif()
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
