// SPDX-License-Identifier: BSL-1.0
//
// Detail – the one closure that the library gives to contexts, and what became of it.
#ifndef EAP_DETAIL_POSTED_HPP
#define EAP_DETAIL_POSTED_HPP

#include "eap/detail/raw_memory.hpp"
#include "eap/detail/work_node.hpp"

#include <cstddef>
#include <exception>
#include <limits>
#include <new>
#include <utility>

namespace eap::detail {

class postable;

/// "This thread is inside `post` with that target." Frames nest, innermost first.
///
/// A closure may be destroyed by a `post` that throws, by a context that drops it and returns, or much later
/// by a context that dies; and an inline context may run it inside `post` and let a handler's exception out.
/// Only the posting thread can tell these apart, and only by what happened within its call.
struct posting {
    enum class fate : unsigned char { in_flight, ran, dropped };

    explicit posting(const postable& what) noexcept : target(&what), outer(innermost) { innermost = this; }
    posting(const posting&) = delete;
    posting& operator=(const posting&) = delete;
    ~posting() { innermost = outer; }

    /// Records the fate of the closure that this thread is posting; false when it is not posting `what`.
    static bool record(const postable& what, fate became) noexcept {
        for (posting* frame = innermost; frame != nullptr; frame = frame->outer) {
            if (frame->target == &what && frame->became == fate::in_flight) {
                frame->became = became;
                return true;
            }
        }
        return false;
    }

    /// Whether this thread is inside a `post` of `what`: then its closure is being run inline.
    static bool is_posting(const postable& what) noexcept {
        const posting* frame = innermost;
        while (frame != nullptr && frame->target != &what)
            frame = frame->outer;
        return frame != nullptr;
    }

    const postable* target;
    posting* outer;
    fate became = fate::in_flight;

    static inline constinit thread_local posting* innermost = nullptr;
};

/// What a closure runs. It has memory for the context's own node, which the context gives back before it calls `run`.
class closure_target : public work_node {
  public:
    virtual void* allocate(std::size_t bytes, std::size_t alignment) {
        return raw_allocate(bytes, alignment);
    }
    virtual void deallocate(void* memory, std::size_t bytes, std::size_t alignment) noexcept {
        raw_deallocate(memory, bytes, alignment);
    }

  protected:
    closure_target() = default;
    ~closure_target() = default;
};

/// One that outlives its `post`, so that whoever posted it can tell what became of it there. It is told so exactly once.
class postable : public closure_target {
  public:
    /// On the context.
    virtual void run_posted() = 0;
    /// On any thread: the context let go of it without running it.
    virtual void dropped() noexcept = 0;

    void run() final {
        posting::record(*this, posting::fate::ran);
        run_posted();
    }
    void drop() noexcept final {
        if (!posting::record(*this, posting::fate::dropped))
            dropped();
    }

  protected:
    postable() = default;
    ~postable() = default;
};

/// Allocates from the target of a posted closure; contexts find it by `get_allocator()`.
template <class T> class posted_allocator {
  public:
    using value_type = T;

    explicit posted_allocator(closure_target& source) noexcept : source_(&source) {}
    template <class U>
    posted_allocator(const posted_allocator<U>& other) noexcept : source_(&other.source()) {}

    T* allocate(std::size_t n) {
        if (n > std::numeric_limits<std::size_t>::max() / sizeof(T))
            throw std::bad_array_new_length{};
        return static_cast<T*>(source_->allocate(n * sizeof(T), alignof(T)));
    }
    void deallocate(T* memory, std::size_t n) noexcept {
        source_->deallocate(memory, n * sizeof(T), alignof(T));
    }
    closure_target& source() const noexcept { return *source_; }

    template <class U> bool operator==(const posted_allocator<U>& other) const noexcept {
        return source_ == &other.source();
    }

  private:
    closure_target* source_;
};

/// The closure: one pointer wide, move-only. Run a second time it does nothing.
class posted {
  public:
    using allocator_type = posted_allocator<std::byte>;

    explicit posted(closure_target& target) noexcept : target_(&target) {}
    posted(posted&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
    posted& operator=(posted&& other) noexcept {
        posted old{std::move(other)};
        std::swap(target_, old.target_);
        return *this;
    }
    ~posted() {
        if (target_ != nullptr)
            target_->drop();
    }

    void operator()() {
        if (closure_target* const target = std::exchange(target_, nullptr))
            target->run();
    }

    allocator_type get_allocator() const noexcept { return allocator_type{*target_}; }

    /// What it would run, for another closure.
    [[nodiscard]] closure_target& release_target() noexcept { return *std::exchange(target_, nullptr); }
    /// Likewise, for a queue that can hold that itself.
    [[nodiscard]] work_ptr release() noexcept { return work_ptr{std::exchange(target_, nullptr)}; }

  private:
    closure_target* target_;
};

/// How a `post` ended: accepted (the target runs, ran, or will hear `dropped`), or the target is the poster's
/// again.
struct post_outcome {
    enum class kind : unsigned char { accepted, dropped, refused };
    kind became = kind::accepted;
    std::exception_ptr refusal{}; // what `post` threw, when refused
};

/// Posts `target` to `context`.
///
/// Requires      the caller keeps `target` alive until the call returns (its address names the frame).
/// Errors        Lets out an exception only when the target has been run inside `post` or is still held by
///               the context: then it is a handler's (or the context breaks its contract), and nothing is to
///               be undone.
template <class Context> [[nodiscard]] post_outcome post_target(const Context& context, postable& target) {
    posting frame{target};
    try {
        context.post(posted{target});
    } catch (...) {
        if (frame.became != posting::fate::dropped)
            throw;
        return {post_outcome::kind::refused, std::current_exception()};
    }
    return {frame.became == posting::fate::dropped ? post_outcome::kind::dropped
                                                   : post_outcome::kind::accepted,
            nullptr};
}

} // namespace eap::detail

#endif
