# Sets PYFORY_SIMDE_INCLUDE to the folder below which simde/x86/sse2.h lies.
# Order: what the user says, the build requirement simde-py, the system.

set(_simde_probe simde/x86/sse2.h)
unset(PYFORY_SIMDE_INCLUDE)

if(PYFORY_SIMDE_DIR)
  if(NOT EXISTS "${PYFORY_SIMDE_DIR}/${_simde_probe}")
    message(FATAL_ERROR "PYFORY_SIMDE_DIR is ${PYFORY_SIMDE_DIR}, but there is no ${_simde_probe} in it")
  endif()
  set(PYFORY_SIMDE_INCLUDE "${PYFORY_SIMDE_DIR}")
  set(_simde_origin "PYFORY_SIMDE_DIR")
endif()

if(NOT PYFORY_SIMDE_INCLUDE AND Python_EXECUTABLE)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c "import simde_py; print(simde_py.get_include())"
    OUTPUT_VARIABLE _simde_py_dir OUTPUT_STRIP_TRAILING_WHITESPACE
    ERROR_QUIET RESULT_VARIABLE _simde_py_result)
  if(_simde_py_result EQUAL 0)
    file(TO_CMAKE_PATH "${_simde_py_dir}" _simde_py_dir)
    if(EXISTS "${_simde_py_dir}/${_simde_probe}")
      set(PYFORY_SIMDE_INCLUDE "${_simde_py_dir}")
      set(_simde_origin "simde-py")
    endif()
  endif()
endif()

if(NOT PYFORY_SIMDE_INCLUDE)
  # No cache entry: a rebuild after the packages changed must look again.
  find_path(_simde_system NAMES ${_simde_probe} NO_CACHE)
  if(_simde_system)
    set(PYFORY_SIMDE_INCLUDE "${_simde_system}")
    set(_simde_origin "system")
  endif()
endif()

if(NOT PYFORY_SIMDE_INCLUDE)
  message(FATAL_ERROR
    "SIMDe was not found. Any one of these provides it:\n"
    "  1. -DPYFORY_SIMDE_DIR=DIR, where DIR holds ${_simde_probe} "
    "(with pip: -Ccmake.define.PYFORY_SIMDE_DIR=DIR);\n"
    "  2. the Python package simde-py in the building interpreter's environment "
    "(a build requirement, installed by pip on Python 3.10 and later);\n"
    "  3. a system package: libsimde-dev (Debian, Ubuntu), simde-devel (Fedora), "
    "simde (Homebrew, conda-forge, Arch).")
endif()
message(STATUS "SIMDe: ${PYFORY_SIMDE_INCLUDE} (${_simde_origin})")
