// SPDX-License-Identifier: BSL-1.0
//
// Detail – what the calling thread is inside of, so that it does not wait for itself.
#ifndef EAP_DETAIL_INSIDE_HPP
#define EAP_DETAIL_INSIDE_HPP

#include <cstddef>

namespace eap::detail {

/// "This thread is inside that `T`", for as long as the frame lives. Frames nest.
template <class T> class inside {
  public:
    explicit inside(const T* what) noexcept : what_(what), outer_(innermost_) { innermost_ = this; }
    inside(const inside&) = delete;
    inside& operator=(const inside&) = delete;
    ~inside() { innermost_ = outer_; }

    static bool of(const T* what) noexcept { return times(what) != 0; }
    /// How many frames of this thread say so.
    static std::size_t times(const T* what) noexcept {
        std::size_t count = 0;
        for (const inside* frame = innermost_; frame != nullptr; frame = frame->outer_)
            count += frame->what_ == what ? 1 : 0;
        return count;
    }

  private:
    const T* what_;
    const inside* outer_;
    static inline constinit thread_local const inside* innermost_ = nullptr; // read by its own thread only
};

} // namespace eap::detail

#endif
