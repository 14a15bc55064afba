// SPDX-License-Identifier: BSL-1.0
//
// Detail – a smart pointer to objects that count their own references.
#ifndef EAP_DETAIL_INTRUSIVE_PTR_HPP
#define EAP_DETAIL_INTRUSIVE_PTR_HPP

#include "eap/detail/sync.hpp"

#include <concepts>
#include <cstddef>
#include <utility>

namespace eap::detail {

struct adopt_reference_t {};
inline constexpr adopt_reference_t adopt_reference{}; // "the reference is already counted: take it over"

/// Points to a `T` with `add_reference()` and `release_reference()`, both noexcept.
template <class T> class intrusive_ptr {
  public:
    intrusive_ptr() noexcept = default;
    explicit intrusive_ptr(T* object) noexcept : object_(object) {
        if (object_ != nullptr)
            object_->add_reference();
    }
    intrusive_ptr(T* object, adopt_reference_t) noexcept : object_(object) {}
    intrusive_ptr(const intrusive_ptr& other) noexcept : intrusive_ptr(other.object_) {}
    intrusive_ptr(intrusive_ptr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    template <std::derived_from<T> U>
        requires(!std::same_as<U, T>)
    intrusive_ptr(intrusive_ptr<U> other) noexcept : object_(other.detach()) {}
    intrusive_ptr& operator=(intrusive_ptr other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~intrusive_ptr() {
        if (object_ != nullptr)
            object_->release_reference();
    }

    void swap(intrusive_ptr& other) noexcept { std::swap(object_, other.object_); }
    T* get() const noexcept { return object_; }
    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }
    /// The pointer with its reference, which is now the caller's.
    [[nodiscard]] T* detach() noexcept { return std::exchange(object_, nullptr); }

    friend bool operator==(const intrusive_ptr& a, const intrusive_ptr& b) noexcept {
        return a.object_ == b.object_;
    }

  private:
    T* object_ = nullptr;
};

/// What `intrusive_ptr` needs, for an object of the most derived type `Derived`.
///
/// Ordering      dropping is acq_rel: whoever destroys the object sees all that was done with it.
template <class Derived, class Sync = std_sync> class reference_counted {
  public:
    reference_counted() = default;
    reference_counted(const reference_counted&) = delete;
    reference_counted& operator=(const reference_counted&) = delete;

    void add_reference() const noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
    void release_reference() const noexcept {
        if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete static_cast<const Derived*>(this);
    }

  protected:
    ~reference_counted() = default;

  private:
    mutable typename Sync::template atomic<std::size_t> count_{1}; // born with its creator's reference
};

} // namespace eap::detail

#endif
