// SPDX-License-Identifier: BSL-1.0
//
// Detail – a function of any type as the target of a posted closure, and as a node of a queue.
#ifndef EAP_DETAIL_FUNCTION_TARGET_HPP
#define EAP_DETAIL_FUNCTION_TARGET_HPP

#include "eap/detail/posted.hpp"
#include "eap/detail/raw_memory.hpp"

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace eap::detail {

/// The allocator that a function carries; one of recycled memory when it carries none.
template <class F> auto allocator_of(const F& function) noexcept {
    if constexpr (requires { function.get_allocator(); })
        return function.get_allocator();
    else
        return raw_allocator<std::byte>{};
}

/// Owns an `F` until it is run or dropped; frees itself before it calls, so that the call may post again into
/// the same memory.
template <class F> class function_target final : public closure_target {
    using allocator = std::allocator_traits<decltype(allocator_of(
        std::declval<const F&>()))>::template rebind_alloc<function_target>;
    using traits = std::allocator_traits<allocator>;

  public:
    /// A closure that runs `function`. Throws what allocating or moving throws.
    template <class G> [[nodiscard]] static posted make(G&& function) {
        allocator memory{allocator_of(function)};
        function_target* const self = traits::allocate(memory, 1);
        try {
            return posted{*::new (static_cast<void*>(self)) function_target(std::forward<G>(function))};
        } catch (...) {
            traits::deallocate(memory, self, 1);
            throw;
        }
    }

    void run() override {
        F function = take(); // a move that throws leaves here as a call that throws would
        std::move(function)();
    }
    void drop() noexcept override {
        if constexpr (std::is_nothrow_move_constructible_v<F>)
            static_cast<void>(take());
        else
            const releaser at_end{this};
    }

    void* allocate(std::size_t bytes, std::size_t alignment) override {
        if constexpr (has_allocator) {
            if (alignment <= alignof(std::max_align_t)) {
                byte_allocator memory{allocator_of(function_)};
                return std::allocator_traits<byte_allocator>::allocate(memory, units(bytes));
            }
        }
        return closure_target::allocate(bytes, alignment);
    }
    void deallocate(void* memory, std::size_t bytes, std::size_t alignment) noexcept override {
        if constexpr (has_allocator) {
            if (alignment <= alignof(std::max_align_t)) {
                byte_allocator source{allocator_of(function_)};
                std::allocator_traits<byte_allocator>::deallocate(
                    source, static_cast<std::max_align_t*>(memory), units(bytes));
                return;
            }
        }
        closure_target::deallocate(memory, bytes, alignment);
    }

  private:
    static constexpr bool has_allocator = requires(const F& f) { f.get_allocator(); };
    using byte_allocator = std::allocator_traits<decltype(allocator_of(
        std::declval<const F&>()))>::template rebind_alloc<std::max_align_t>;

    static constexpr std::size_t units(std::size_t bytes) noexcept {
        return (bytes + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t);
    }

    template <class G> explicit function_target(G&& function) : function_(std::forward<G>(function)) {}
    ~function_target() = default;

    struct releaser { // the allocator is taken while the function still knows it
        explicit releaser(function_target* s) noexcept : self(s), memory(allocator_of(s->function_)) {}
        releaser(const releaser&) = delete;
        releaser& operator=(const releaser&) = delete;
        ~releaser() {
            self->~function_target();
            traits::deallocate(memory, self, 1);
        }
        function_target* self;
        allocator memory;
    };

    F take() {
        const releaser at_end{this};
        return std::move(function_);
    }

    F function_;
};

} // namespace eap::detail

#endif
