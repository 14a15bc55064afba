# SPDX-License-Identifier: BSL-1.0
#
# cmake -D verdict=<file> -P read_verdict.cmake: the ctest test of something that the build has already tried, and
# tries again only when what it depends on has changed.
file(READ ${verdict} text)
if(NOT text STREQUAL "passed\n")
  message("${text}")
  message(FATAL_ERROR "see above")
endif()
