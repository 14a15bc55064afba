# SPDX-License-Identifier: BSL-1.0
#
# EAP_PRECOMPILE_CODE, for the presets of the sanitizers: clang compiles the headers once for many programs, and the code that is in them
# too, so that each file takes two thirds of the time. What that hides, an include that is missing, is seen by all other builds.
# Coverage cannot be measured in such a build.
option(EAP_PRECOMPILE_CODE "Compile the headers of eap and their code once for its tests, and for its examples; with clang" OFF)

# eap_precompile(NAME HEADER...): what the programs that `eap_use_precompiled(PROGRAM NAME)` share; a quoted name, or one in <>.
function(eap_precompile name)
  file(CONFIGURE OUTPUT ${name}.cpp CONTENT "")
  add_library(${name} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE eap_own_code)
  target_precompile_headers(${name} PRIVATE ${ARGN})
  target_compile_options(${name} PRIVATE -fpch-codegen)

  # CMake leaves this step to other compilers: the precompiled headers are a source file themselves.
  set(headers ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${name}.dir/cmake_pch.hxx.pch)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
  separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}}")
  add_custom_command(
    OUTPUT ${name}.o
    COMMAND ${CMAKE_CXX_COMPILER} ${flags} -c ${headers} -o ${name}.o
    DEPENDS ${name} ${headers}
    COMMENT "Building the code of ${name}"
    VERBATIM)
  add_custom_target(${name}_code DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
endfunction()

function(eap_use_precompiled program name)
  target_precompile_headers(${program} REUSE_FROM ${name})
  add_dependencies(${program} ${name}_code)
  target_link_libraries(${program} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/${name}.o)
endfunction()
