# SPDX-License-Identifier: BSL-1.0
#
# cmake -D flags_file=… -D header=… -P precompile.cmake
# Compiles what all cases have in common, once. Compilers look beside a header that they are told to -include.
include(${flags_file})
execute_process(
  COMMAND ${compiler} ${flags} -x c++-header -MD -MF ${header}.d -MT ${header}.gch ${header} -o ${header}.gch
  COMMAND_ERROR_IS_FATAL ANY)
