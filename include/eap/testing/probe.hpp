// SPDX-License-Identifier: BSL-1.0
//
// Layer 8 – the lab; not in eap.hpp. Functions that write down what becomes of them, and whoever waits to read it.
#ifndef EAP_TESTING_PROBE_HPP
#define EAP_TESTING_PROBE_HPP

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace eap::testing {

/// What became of some functions.
///
/// Thread safety all members. It outlives whoever keeps a function: each holds it.
class diary {
  public:
    struct entry {
        int runs = 0;
        bool ended = false;    ///< destroyed, for good
        std::thread::id where; ///< the thread of its first run
    };

    std::size_t open() {
        const std::lock_guard lock{mutex_};
        entries_.emplace_back();
        return entries_.size() - 1;
    }
    void ran(std::size_t which) {
        const std::lock_guard lock{mutex_};
        entry& it = entries_[which];
        if (++it.runs == 1) {
            it.where = std::this_thread::get_id();
            order_.push_back(which);
        }
        changed_.notify_all();
    }
    void ended(std::size_t which) noexcept {
        const std::lock_guard lock{mutex_};
        entries_[which].ended = true;
        changed_.notify_all();
    }

    std::vector<entry> entries() const {
        const std::lock_guard lock{mutex_};
        return entries_;
    }
    /// Of those that ran, in the order of their first runs.
    std::vector<std::size_t> order() const {
        const std::lock_guard lock{mutex_};
        return order_;
    }

    /// Waits until `condition(entries)`. False when it is still not so after `patience`.
    template <class Condition>
    bool wait(std::chrono::milliseconds patience, const Condition& condition) const {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, patience, [&] { return condition(entries_); });
    }
    bool wait_until_all_have_run(std::chrono::milliseconds patience) const {
        return wait_for_all(patience, [](const entry& each) { return each.runs != 0; });
    }
    bool wait_until_all_have_ended(std::chrono::milliseconds patience) const {
        return wait_for_all(patience, [](const entry& each) { return each.ended; });
    }

  private:
    template <class Fact> bool wait_for_all(std::chrono::milliseconds patience, Fact fact) const {
        return wait(patience, [&](const std::vector<entry>& all) {
            for (const entry& each : all)
                if (!fact(each))
                    return false;
            return true;
        });
    }

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::vector<entry> entries_;     // guarded by mutex_
    std::vector<std::size_t> order_; // likewise
};

/// A move-only function that keeps a diary: each run, and its end.
template <class F> class probe {
  public:
    probe(std::shared_ptr<diary> where, F function)
        : diary_(std::move(where)), number_(diary_->open()), function_(std::move(function)) {}
    probe(probe&&) noexcept = default; // leaves the other without a diary
    probe& operator=(probe&&) = delete;
    ~probe() {
        if (diary_ != nullptr)
            diary_->ended(number_);
    }

    void operator()() {
        if (diary_ != nullptr)
            diary_->ran(number_);
        function_();
    }

    std::size_t number() const noexcept { return number_; }

  private:
    std::shared_ptr<diary> diary_;
    std::size_t number_;
    F function_;
};

} // namespace eap::testing

#endif
