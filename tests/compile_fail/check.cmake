# SPDX-License-Identifier: BSL-1.0
#
# cmake -D flags_file=… -D header=… -D case=… -D verdict=… -P check.cmake
# Compiles one case twice and writes the verdict: "passed", or what is wrong with it.
include(${flags_file})
cmake_path(GET case FILENAME name)
# Messages in English, without curly quotes, each on one line.
set(ENV{LC_ALL} C)
list(APPEND flags -include ${header} -fsyntax-only -fmessage-length=0 -fdiagnostics-color=never)

function(conclude text)
  file(WRITE ${verdict} "${text}\n")
endfunction()

execute_process(
  COMMAND ${compiler} ${flags} -DEAP_CONTROL -MD -MF ${verdict}.d -MT ${verdict} ${case}
  RESULT_VARIABLE control
  ERROR_VARIABLE said)
if(NOT control EQUAL 0)
  # What it depends on is wanted all the more, and some compilers leave that out after an error.
  execute_process(COMMAND ${compiler} ${flags} -DEAP_CONTROL -M -MF ${verdict}.d -MT ${verdict} ${case} ERROR_QUIET)
  if(NOT EXISTS ${verdict}.d)
    file(WRITE ${verdict}.d "${verdict}: ${case}\n")
  endif()
  conclude("the control, with -DEAP_CONTROL, must compile, but does not:\n${said}")
  return()
endif()

execute_process(
  COMMAND ${compiler} ${flags} ${case}
  RESULT_VARIABLE result
  ERROR_VARIABLE said)
if(result EQUAL 0)
  conclude("it compiles, and must not")
  return()
endif()

file(READ ${case} text)
string(FIND "${text}" "// offending line" position)
string(FIND "${text}" "// offending line" last_position REVERSE)
if(position EQUAL -1 OR NOT position EQUAL last_position)
  conclude("it must mark exactly one line with `// offending line`")
  return()
endif()
string(SUBSTRING "${text}" 0 ${position} before)
string(REGEX MATCHALL "\n" newlines "${before}")
list(LENGTH newlines line)
math(EXPR line "${line} + 1")
string(REGEX REPLACE "([][+.*()^])" "\\\\\\1" name_regex "${name}")
if(NOT said MATCHES "${name_regex}:${line}[:,]")
  conclude("the compiler does not point at the offending line, ${name}:${line}:\n${said}")
  return()
endif()

string(REGEX MATCHALL "(^|\n)// expect: [^\n]+" expectations "${text}")
if(NOT expectations)
  conclude("it must say what it expects, with `// expect: <regex>`")
  return()
endif()
foreach(expectation IN LISTS expectations)
  string(REGEX REPLACE "^\n?// expect: " "" expectation "${expectation}")
  if(NOT said MATCHES "${expectation}")
    conclude("the compiler does not say `${expectation}`:\n${said}")
    return()
  endif()
endforeach()
conclude("passed")
