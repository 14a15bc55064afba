// SPDX-License-Identifier: BSL-1.0
//
// Contexts that do with what is posted to them what a context must not do, or need not expect to be forgiven.
#ifndef EAP_TESTS_SUPPORT_HOSTILE_CONTEXT_HPP
#define EAP_TESTS_SUPPORT_HOSTILE_CONTEXT_HPP

#include "eap/errors.hpp"
#include "eap/synchronization_context.hpp"

#include "support/contexts.hpp"

#include <atomic>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace tests {

using accepted_function = std::function<void()>;

/// A queue that any thread may fill, and that one empties.
class accepted_functions {
  public:
    void add(accepted_function function) {
        const std::lock_guard lock{mutex_};
        all_.push_back(std::move(function));
    }
    /// An empty function when there is none.
    accepted_function take_oldest() {
        return take([](auto& all) { return all.begin(); });
    }
    accepted_function take_newest() {
        return take([](auto& all) { return std::prev(all.end()); });
    }

  private:
    template <class Choose> accepted_function take(Choose choose) {
        const std::lock_guard lock{mutex_};
        if (all_.empty())
            return {};
        const auto chosen = choose(all_);
        accepted_function result = std::move(*chosen);
        all_.erase(chosen);
        return result;
    }

    std::mutex mutex_;
    std::deque<accepted_function> all_; // guarded by mutex_
};

// ---- what is done with them: `accept` inside post, `run` when the test says so ----

/// In order, as it should be: what the others are compared with.
struct runs_in_order {
    void accept(accepted_function function) { accepted.add(std::move(function)); }
    bool run() {
        const accepted_function next = accepted.take_oldest();
        if (!next)
            return false;
        next();
        return true;
    }
    accepted_functions accepted;
};
/// Moves each out, calls it, and calls it again.
struct runs_twice {
    void accept(accepted_function function) { accepted.add(std::move(function)); }
    bool run() {
        const accepted_function next = accepted.take_oldest();
        if (!next)
            return false;
        next();
        next();
        return true;
    }
    accepted_functions accepted;
};
/// Calls each again, long after: when nothing else is left to do.
struct runs_again_later {
    void accept(accepted_function function) { accepted.add(std::move(function)); }
    bool run() {
        if (accepted_function next = accepted.take_oldest()) {
            next();
            again.push_back(std::move(next));
            return true;
        }
        for (const auto& each : std::exchange(again, {}))
            each();
        return false;
    }
    accepted_functions accepted;
    std::vector<accepted_function> again;
};
/// The newest first.
struct runs_newest_first {
    void accept(accepted_function function) { accepted.add(std::move(function)); }
    bool run() {
        const accepted_function next = accepted.take_newest();
        if (!next)
            return false;
        next();
        return true;
    }
    accepted_functions accepted;
};
/// Each at once, on a thread of its own.
struct runs_on_many_threads {
    ~runs_on_many_threads() { run(); }
    void accept(accepted_function function) {
        const std::lock_guard lock{mutex};
        threads.emplace_back(std::move(function));
    }
    bool run() { // waits for them
        std::vector<std::thread> begun;
        {
            const std::lock_guard lock{mutex};
            begun.swap(threads);
        }
        for (auto& each : begun)
            each.join();
        return !begun.empty();
    }
    std::mutex mutex;
    std::vector<std::thread> threads; // guarded by mutex
};
/// Inside post.
struct runs_inline {
    void accept(const accepted_function& function) { function(); }
    static bool run() { return false; }
};
/// Inside post, and again when there is nothing else to do.
struct runs_inline_and_again {
    void accept(accepted_function function) {
        function();
        again.push_back(std::move(function));
    }
    bool run() {
        for (const auto& each : std::exchange(again, {}))
            each();
        return false;
    }
    std::vector<accepted_function> again;
};
/// Never.
struct drops {
    static void accept(const accepted_function&) {}
    static bool run() { return false; }
};
/// Keeps each, and throws all the same: the one lie that cannot be seen through. It runs them in order.
struct accepts_and_throws {
    void accept(accepted_function function) {
        accepted.accept(std::move(function));
        if (throws)
            throw post_refused{};
    }
    bool run() { return accepted.run(); }
    runs_in_order accepted;
    bool throws = true;
};

template <class Policy> class hostile_context {
  public:
    explicit hostile_context(std::shared_ptr<Policy> policy) noexcept : policy_(std::move(policy)) {}

    template <class F> void post(F function) const { policy_->accept(shared_function(std::move(function))); }
    bool operator==(const hostile_context&) const = default;

  private:
    std::shared_ptr<Policy> policy_;
};
static_assert(eap::synchronization_context<hostile_context<runs_twice>>);

/// Its owner.
template <class Policy> class hostile_place {
  public:
    hostile_context<Policy> context() const noexcept { return hostile_context<Policy>{policy_}; }
    Policy& policy() noexcept { return *policy_; }
    /// Until there is nothing left to run.
    void run_all() {
        while (policy_->run()) {
        }
    }

  private:
    std::shared_ptr<Policy> policy_ = std::make_shared<Policy>();
};

// ---- posts that fail ----

/// Which of the posts to some contexts fail, all told; or which of the operations that start there are refused.
struct post_failures {
    static constexpr std::size_t every_later_one = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t bits = std::numeric_limits<std::size_t>::digits;
    enum class what : unsigned char { posts, starts };

    what fails = what::posts;
    std::atomic<std::size_t> first{0}; // counted from 1; 0: none
    std::atomic<std::size_t> how_many{1};
    std::atomic<std::size_t> among{0}; // also those whose bit is set: the lowest stands for the next one
    std::atomic<std::size_t> posts{0}; // tried, or starts
    std::atomic<std::size_t> failed{0};
    std::exception_ptr exception =
        std::make_exception_ptr(post_refused{}); // null: what is posted is dropped instead

    /// True when this one is to be dropped.
    bool count(what now) {
        if (now != fails)
            return false;
        const std::size_t number = ++posts;
        const bool is_in_row = first != 0 && number >= first && number - first < how_many;
        const bool is_among = number <= bits && (among >> (number - 1) & 1U) != 0;
        if (!is_in_row && !is_among)
            return false;
        ++failed;
        if (exception != nullptr)
            std::rethrow_exception(exception);
        return true;
    }
};

/// Any context; throws from those posts, before the context hears of them.
template <class Inner> class failing_context {
  public:
    failing_context(Inner inner, std::shared_ptr<post_failures> failures)
        : inner_(std::move(inner)), failures_(std::move(failures)) {}

    template <class F> void post(F&& function) const {
        if (failures_->count(post_failures::what::posts)) {
            const auto dropped = std::forward<F>(function);
            static_cast<void>(dropped);
        } else {
            inner_.post(std::forward<F>(function));
        }
    }
    void operation_started() const {
        static_cast<void>(failures_->count(post_failures::what::starts));
        eap::operation_started(inner_);
    }
    void operation_completed() const noexcept { eap::operation_completed(inner_); }
    std::optional<bool> running_in_this_thread() const { return eap::running_in_this_thread(inner_); }
    bool operator==(const failing_context&) const = default;

  private:
    Inner inner_;
    std::shared_ptr<post_failures> failures_;
};

} // namespace tests

#endif
