# SPDX-License-Identifier: BSL-1.0
#
# The rules of the repository as ctest tests: each *.check.sh here is one, called with the root of the checkout. The
# self-test proves of every one that it can fail.
if(UNIX)
  file(GLOB checks CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.check.sh)
  foreach(check IN LISTS checks)
    cmake_path(GET check STEM name) # up to the first dot
    add_test(NAME "check: ${name}" COMMAND sh ${check} ${PROJECT_SOURCE_DIR})
    set_tests_properties("check: ${name}" PROPERTIES LABELS check)
  endforeach()

  set(self_test ${CMAKE_CURRENT_LIST_DIR}/self_test.sh)
  set(verdict ${PROJECT_BINARY_DIR}/checks.verdict)
  add_custom_command(
    OUTPUT ${verdict}
    COMMAND sh ${self_test} ${verdict}
    DEPENDS ${checks} ${self_test}
    COMMENT "Proving that every check can fail"
    VERBATIM)
  add_custom_target(eap_checks_self_test ALL DEPENDS ${verdict})
  add_test(NAME "check: every check can fail" COMMAND ${CMAKE_COMMAND} -D verdict=${verdict} -P
                                                      ${CMAKE_CURRENT_LIST_DIR}/../read_verdict.cmake)
  set_tests_properties("check: every check can fail" PROPERTIES LABELS check)
endif()
