# SPDX-License-Identifier: Apache-2.0
# Every x86-64 can run what is built, unless newer processors are asked for. Fused multiply-adds
# stay where the source has them, so that results do not depend on a compiler's choice.
option(SIGPROP_X86_64_V3 "Compile everything for processors with AVX2 and FMA, and for no others" OFF)
if(SIGPROP_X86_64_V3)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-march=x86-64-v3>)
endif()
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
