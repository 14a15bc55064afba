// SPDX-License-Identifier: BSL-1.0
//
// What goes through the library when a fuzzer plays with it: values that are counted, ids that know their owner, contexts that
// count what they are told.
#ifndef EAP_TESTS_FUZZ_VALUES_HPP
#define EAP_TESTS_FUZZ_VALUES_HPP

#include <eap/errors.hpp>
#include <eap/synchronization_context.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

namespace fuzz {

// In a simulation one thread runs at a time, and hands over to the next: what is here needs neither locks nor atomics.

/// Counts its objects: values, arguments, and what handlers hold.
struct counted {
    counted() noexcept { ++alive; }
    counted(const counted&) noexcept { ++alive; }
    counted& operator=(const counted&) = default;
    ~counted() { --alive; }
    static inline int alive = 0;
};
struct value : counted {
    explicit value(int n) : number(n) {
        if (n < 0)
            throw std::runtime_error{"a value refused to be made"};
    }
    int number;
};
struct report : counted {
    report(unsigned by, int n) noexcept : sender(by), number(n) {}
    unsigned sender;
    int number;
};

/// A task id: equal when the keys are, and it says which operation it was given to.
struct task {
    unsigned key;
    std::size_t of;
    bool operator==(const task& other) const noexcept { return key == other.key; }
};

} // namespace fuzz

template <> struct std::hash<fuzz::task> {
    std::size_t operator()(const fuzz::task& which) const noexcept { return which.key; }
};

namespace fuzz {

struct thrown_by_handler : std::runtime_error {
    thrown_by_handler() : std::runtime_error{"a handler threw"} {}
};
struct thrown_by_work : std::runtime_error {
    thrown_by_work() : std::runtime_error{"the work threw"} {}
};

enum class ending : unsigned char { none, value, error, cancelled, timed_out, abandoned };

inline ending ending_of(const std::exception_ptr& error, bool cancelled) {
    if (error == nullptr)
        return cancelled ? ending::cancelled : ending::value;
    try {
        std::rethrow_exception(error);
    } catch (const eap::operation_timed_out&) {
        return ending::timed_out;
    } catch (const eap::operation_abandoned&) {
        return ending::abandoned;
    } catch (...) {
        return ending::error;
    }
}

struct inside_post { // runs what is posted in its post
    template <class F> void post(F function) const { function(); }
    bool operator==(const inside_post&) const = default;
};

struct notifications {
    int started = 0;
    int completed = 0;
};
/// A context that counts what it is told.
template <class Inner> class told_context {
  public:
    told_context(Inner inner, notifications& counts) : inner_(std::move(inner)), counts_(&counts) {}

    template <class F> void post(F&& function) const { inner_.post(std::forward<F>(function)); }
    void operation_started() const {
        eap::operation_started(inner_);
        ++counts_->started;
    }
    void operation_completed() const noexcept {
        ++counts_->completed;
        eap::operation_completed(inner_);
    }
    std::optional<bool> running_in_this_thread() const { return eap::running_in_this_thread(inner_); }
    bool operator==(const told_context& other) const { return inner_ == other.inner_; }

  private:
    Inner inner_;
    notifications* counts_;
};

} // namespace fuzz

#endif
