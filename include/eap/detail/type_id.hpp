// SPDX-License-Identifier: BSL-1.0
//
// Detail – which type this is, comparable at run time, with RTTI and without.
#ifndef EAP_DETAIL_TYPE_ID_HPP
#define EAP_DETAIL_TYPE_ID_HPP

#ifdef __cpp_rtti
#include <typeinfo>
#endif

namespace eap::detail {

#ifdef __cpp_rtti

/// Names one type. Equal for the same type in every shared object of the program.
class type_id {
  public:
    template <class T> static type_id of() noexcept { return type_id{typeid(T)}; }
    friend bool operator==(type_id a, type_id b) noexcept { return *a.info_ == *b.info_; }

  private:
    explicit type_id(const std::type_info& info) noexcept : info_(&info) {}

    const std::type_info* info_;
};

#else

template <class T>
inline char type_mark =
    0; // its address is the type's name; not const, since linkers may fold equal constants

/// Names one type. Without RTTI, equal across shared objects only where the linker merges inline variables:
/// types hidden in one shared object are other types in the next.
class type_id {
  public:
    template <class T> static type_id of() noexcept { return type_id{&type_mark<T>}; }
    friend bool operator==(type_id a, type_id b) noexcept { return a.mark_ == b.mark_; }

  private:
    explicit type_id(const char* mark) noexcept : mark_(mark) {}

    const char* mark_;
};

#endif

} // namespace eap::detail

#endif
