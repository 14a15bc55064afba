# SPDX-License-Identifier: BSL-1.0
#
# contexts/<toolkit>_context.hpp need a toolkit that eap itself does not. They are installed always; only where the toolkit
# is found are they verified and tested, by the target eap_with_<toolkit>. A consumer links the toolkit next to eap::eap.
set(eap_toolkits glib qt uv win32)
set(eap_toolkit_needs_glib "GLib 2.74 or newer, with pkg-config")
set(eap_toolkit_needs_qt "Qt 6 Core")
set(eap_toolkit_needs_uv "libuv, with pkg-config")
set(eap_toolkit_needs_win32 "Windows, or MinGW and Wine")

file(GLOB toolkit_headers CONFIGURE_DEPENDS include/eap/contexts/*_context.hpp)
list(JOIN eap_toolkits "|" toolkit_names)
list(FILTER toolkit_headers INCLUDE REGEX "/(${toolkit_names})_context\\.hpp$")

function(eap_find_toolkits)
  find_package(Qt6 QUIET COMPONENTS Core)
  if(TARGET Qt6::Core)
    set(qt Qt6::Core)
  endif()
  if(WIN32)
    set(win32 "") # nothing more
  endif()
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(eap_glib QUIET IMPORTED_TARGET gobject-2.0>=2.74)
    pkg_check_modules(eap_uv QUIET IMPORTED_TARGET libuv)
    foreach(toolkit IN ITEMS glib uv)
      if(TARGET PkgConfig::eap_${toolkit})
        set(${toolkit} PkgConfig::eap_${toolkit})
      endif()
    endforeach()
  endif()

  foreach(toolkit IN LISTS eap_toolkits)
    if(DEFINED ${toolkit})
      add_library(eap_with_${toolkit} INTERFACE)
      target_link_libraries(eap_with_${toolkit} INTERFACE eap ${${toolkit}})
      target_sources(
        eap_with_${toolkit} INTERFACE FILE_SET HEADERS BASE_DIRS include FILES include/eap/contexts/${toolkit}_context.hpp)
      set_target_properties(eap_with_${toolkit} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
    elseif(NOT toolkit STREQUAL win32) # whose test knows another way
      message(STATUS "eap: contexts/${toolkit}_context.hpp is not tested here: that needs ${eap_toolkit_needs_${toolkit}}")
    endif()
  endforeach()
endfunction()
