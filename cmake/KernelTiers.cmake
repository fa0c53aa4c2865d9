# One translation unit per instruction-set tier, with flags of its own on x86-64;
# a file without them compiles to an empty tier, the baseline's to one of SSE2
# alone. On arm64 the baseline is NEON, which needs no flag. dispatch.c offers a tier only when its file really was
# compiled with the instructions and the CPU runs them.

set(_tier_dir "${CMAKE_CURRENT_SOURCE_DIR}/csrc/kernels")
string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" _processor)
set(_baseline_flags "")
set(_avx2_flags "")
set(_avx512_flags "")

# A universal macOS build compiles each file for both processors at once, where
# x86 flags would break the other half.
if(_processor MATCHES "^(x86_64|amd64|x64)$" AND NOT CMAKE_OSX_ARCHITECTURES MATCHES ";|arm64")
  if(MSVC)
    set(_avx2_flags /arch:AVX2)
    set(_avx512_flags /arch:AVX512)
  else()
    set(_baseline_flags -mssse3 -msse4.1)
    set(_avx2_flags -mavx2 -mbmi -mbmi2 -mf16c -mfma -mlzcnt -mpopcnt)
    set(_avx512_flags ${_avx2_flags} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mprefer-vector-width=256)
  endif()
endif()

if(NOT MSVC)
  # psabi: notes on vector arguments, of no meaning for functions that are all
  # static. fp-contract: fused operations would make tiers differ in the last bit.
  target_compile_options(fory_kernels PRIVATE -Wno-psabi -ffp-contract=off)
endif()

foreach(_tier baseline avx2 avx512)
  if(EXISTS "${_tier_dir}/tier_${_tier}.c" AND _${_tier}_flags)
    set_source_files_properties("${_tier_dir}/tier_${_tier}.c" PROPERTIES COMPILE_OPTIONS "${_${_tier}_flags}")
  endif()
endforeach()
