// SPDX-License-Identifier: BSL-1.0
//
// Detail – what the calling thread is inside of, so that it does not wait for itself.
#ifndef EAP_DETAIL_INSIDE_HPP
#define EAP_DETAIL_INSIDE_HPP

namespace eap::detail {

/// "This thread is inside that `T`", for as long as the frame lives. Frames nest.
template <class T> class inside {
  public:
    explicit inside(const T* what) noexcept : what_(what), outer_(innermost_) { innermost_ = this; }
    inside(const inside&) = delete;
    inside& operator=(const inside&) = delete;
    ~inside() { innermost_ = outer_; }

    static bool of(const T* what) noexcept {
        const inside* frame = innermost_;
        while (frame != nullptr && frame->what_ != what)
            frame = frame->outer_;
        return frame != nullptr;
    }

  private:
    const T* what_;
    const inside* outer_;
    static inline constinit thread_local const inside* innermost_ = nullptr; // read by its own thread only
};

} // namespace eap::detail

#endif
