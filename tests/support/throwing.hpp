// SPDX-License-Identifier: BSL-1.0
//
// A value that is counted, and one of whose next copies, moves or constructions fails when a test says so.
#ifndef EAP_TESTS_SUPPORT_THROWING_HPP
#define EAP_TESTS_SUPPORT_THROWING_HPP

#include <atomic>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <utility>

namespace tests {

struct value_refused : std::runtime_error {
    value_refused() : std::runtime_error{"a value refused to be made"} {}
};

/// What may fail, counted over all threads.
class failing_step {
  public:
    /// The `number`-th from now, counted from 1, throws value_refused. 0: none does.
    void fail(std::size_t number) noexcept {
        taken_ = 0;
        failures_ = 0;
        number_ = number;
    }
    void take() {
        if (++taken_ != number_)
            return;
        ++failures_;
        throw value_refused{};
    }
    std::size_t taken() const noexcept { return taken_; }
    std::size_t failures() const noexcept { return failures_; }

  private:
    std::atomic<std::size_t> taken_{0}, failures_{0}, number_{0};
};

/// A value of which each `Tag` has a count and failures of its own.
template <class T, class Tag = void> class throwing {
  public:
    static inline std::atomic<int> alive{0};
    static inline failing_step constructions, copies, moves;
    /// Copies and moves together.
    static inline failing_step transfers;
    static void fail_none() noexcept {
        for (failing_step* each : {&constructions, &copies, &moves, &transfers})
            each->fail(0);
    }

    explicit throwing(T v) : value(std::move(v)) {
        constructions.take();
        ++alive;
    }
    throwing(const throwing& other) : value(other.value) {
        copies.take();
        transfers.take();
        ++alive;
    }
    throwing(throwing&& other)
        : value(other.value) { // NOLINT(performance-noexcept-move-constructor): it may throw
        moves.take();
        transfers.take();
        ++alive;
    }
    throwing& operator=(const throwing& other) {
        copies.take();
        transfers.take();
        value = other.value;
        return *this;
    }
    throwing& operator=(throwing&& other) { // NOLINT(performance-noexcept-move-constructor)
        moves.take();
        transfers.take();
        value = other.value;
        return *this;
    }
    ~throwing() { --alive; }
    bool operator==(const throwing&) const = default;

    T value;
};

/// Makes none of a type's steps fail any more, at the end of a scope.
template <class Throwing> struct failing_scope {
    failing_scope() noexcept { Throwing::fail_none(); }
    failing_scope(const failing_scope&) = delete;
    failing_scope& operator=(const failing_scope&) = delete;
    ~failing_scope() { Throwing::fail_none(); }
};

} // namespace tests

template <class T, class Tag> struct std::hash<tests::throwing<T, Tag>> {
    std::size_t operator()(const tests::throwing<T, Tag>& which) const noexcept {
        return std::hash<T>{}(which.value);
    }
};

#endif
