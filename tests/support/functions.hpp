// SPDX-License-Identifier: BSL-1.0
//
// Functions to post that show what a context does with them.
#ifndef EAP_TESTS_SUPPORT_FUNCTIONS_HPP
#define EAP_TESTS_SUPPORT_FUNCTIONS_HPP

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace tests {

/// Counts the moments at which functions are called and destroyed.
struct fate {
    std::atomic<int> called{0};
    std::atomic<int> destroyed{0}; // moved-from shells do not count
};

/// A move-only function that calls `body` and records its fate.
template <class F> class traced {
  public:
    traced(fate& where, F body) : fate_(&where), body_(std::move(body)) {}
    traced(traced&& other) noexcept
        : fate_(std::exchange(other.fate_, nullptr)), body_(std::move(other.body_)) {}
    traced& operator=(traced&&) = delete;
    ~traced() {
        if (fate_ != nullptr)
            ++fate_->destroyed;
    }
    void operator()() {
        ++fate_->called;
        body_();
    }

  private:
    fate* fate_;
    F body_;
};

/// Memory that counts what is taken and given back.
struct memory_source {
    std::atomic<int> taken{0};
    std::atomic<int> in_use{0};
    std::atomic<std::size_t> largest{0};
};

template <class T> class source_allocator {
  public:
    using value_type = T;

    explicit source_allocator(memory_source& source) noexcept : source_(&source) {}
    template <class U>
    source_allocator(const source_allocator<U>& other) noexcept : source_(other.source()) {}

    T* allocate(std::size_t n) {
        T* const memory = std::allocator<T>{}.allocate(n);
        ++source_->taken;
        ++source_->in_use;
        if (source_->largest < n * sizeof(T))
            source_->largest = n * sizeof(T);
        return memory;
    }
    void deallocate(T* memory, std::size_t n) noexcept {
        --source_->in_use;
        std::allocator<T>{}.deallocate(memory, n);
    }
    memory_source* source() const noexcept { return source_; }
    template <class U> bool operator==(const source_allocator<U>& other) const noexcept {
        return source_ == other.source();
    }

  private:
    memory_source* source_;
};

/// A function whose memory comes from `source`.
template <class F> class with_memory {
  public:
    using allocator_type = source_allocator<std::byte>;

    with_memory(memory_source& source, F body) : source_(&source), body_(std::move(body)) {}

    void operator()() { body_(); }
    allocator_type get_allocator() const noexcept { return allocator_type{*source_}; }

  private:
    memory_source* source_;
    F body_;
};

} // namespace tests

#endif
