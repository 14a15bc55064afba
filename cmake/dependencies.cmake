# SPDX-License-Identifier: BSL-1.0
#
# What the library itself needs: Boost's headers and threads. Nothing is downloaded here; a parent project that
# brings its own Boost (FetchContent, add_subdirectory, find_package) is taken at its word.
set(eap_boost_minimum 1.81)

if(NOT TARGET Boost::asio AND NOT TARGET Boost::headers)
  # Without COMPONENTS: distributions offer Boost::headers only, Boost's own CMake build offers Boost::asio.
  find_package(Boost ${eap_boost_minimum} CONFIG QUIET)
  if(NOT Boost_FOUND)
    set(eap_boost_seen "none was found")
    if(Boost_CONSIDERED_VERSIONS)
      list(JOIN Boost_CONSIDERED_VERSIONS ", " eap_boost_seen)
      string(PREPEND eap_boost_seen "found only ")
    endif()
    message(
      FATAL_ERROR
        "eap needs the headers of Boost ${eap_boost_minimum} or newer (${eap_boost_seen}). "
        "Install them, or name their place with -DCMAKE_PREFIX_PATH=<prefix>, or make Boost available "
        "before eap. In a checkout of eap, `sh cmake/run.sh test` gets them by itself.")
  endif()
endif()

if(NOT TARGET Threads::Threads)
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  find_package(Threads REQUIRED)
endif()

# Installed, eap asks its user's system for Boost::headers. A Boost that lives in the same build must not be
# named in the export, or installing would demand that Boost is exported too.
if(TARGET Boost::asio)
  set(eap_boost_target Boost::asio)
else()
  set(eap_boost_target Boost::headers)
endif()
target_link_libraries(
  eap
  INTERFACE $<BUILD_INTERFACE:${eap_boost_target}>
            $<INSTALL_INTERFACE:Boost::headers>
            Threads::Threads
            # Asio's sockets; Visual C++ links them by a pragma in Asio's headers.
            $<$<AND:$<PLATFORM_ID:Windows>,$<NOT:$<CXX_COMPILER_ID:MSVC>>>:ws2_32>
            $<$<AND:$<PLATFORM_ID:Windows>,$<NOT:$<CXX_COMPILER_ID:MSVC>>>:mswsock>)
